"""What a page server that asks nobody's name must see to: whom it answers, and what browsers may do with its pages."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

LOOPBACK_NAME = "localhost"
COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every answer."""
_POLICY = (
    "default-src 'none'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "style-src 'self'{styles}; script-src {scripts}"
)
STILL = _POLICY.format(styles="", scripts="'none'")
"""Content-Security-Policy of a page without charts that move: no script runs in it, whatever a document holds."""


def drawn(nonce: str) -> str:
    """Content-Security-Policy of a page with Vega's charts.

    Vega compiles its expressions (`unsafe-eval`) and sets styles of what it draws (`unsafe-inline`); scripts are those
    from the server itself and those that bear the nonce.
    """
    return _POLICY.format(styles=" 'unsafe-inline'", scripts=f"'self' 'nonce-{nonce}' 'unsafe-eval'")


def is_loopback(host: str) -> bool:
    """Whether what listens on this address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == LOOPBACK_NAME


def is_ours(header: str, names: Collection[str]) -> bool:
    """Whether a request's `Host` is one under which this server is known.

    A page of elsewhere whose name was made to lead here (DNS rebinding) sends its own name, so that no address can be
    one of those.

    Args:
        header: The header as it came, with or without a port.
        names: Names besides addresses that are ours, in lower case.
    """
    name = header.strip().lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.rstrip(".") in names
    return True
