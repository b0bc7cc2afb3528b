"""What a page server that asks nobody's name must see to: whom it answers, and what browsers may do with its pages."""

from __future__ import annotations

import base64
import hashlib
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
    "style-src {styles}; script-src {scripts}"
)
DRAWN = _POLICY.format(styles="'unsafe-inline'", scripts="'self'")
"""Content-Security-Policy of a page whose charts a script draws: that of the server itself, which sets styles."""


def still(style: str) -> str:
    """Content-Security-Policy of a page with one style sheet, in which no script runs, whatever is shown."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _POLICY.format(styles=f"'sha256-{digest}'", scripts="'none'")


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
