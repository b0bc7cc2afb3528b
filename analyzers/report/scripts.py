"""What draws the charts: Vega, Vega-Lite and Vega-Embed from an installed package, and the lines that call them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import vl_convert

NOTICE = """/* Vega, Vega-Lite and Vega-Embed, copyright University of Washington Interactive Data Lab and contributors,
under the BSD 3-Clause License: https://github.com/vega/vega/blob/main/LICENSE */
"""
CALL = Path(__file__).with_name("templates") / "charts.js"


@dataclass(frozen=True, slots=True)
class Scripts:
    """How scripts come into a page.

    Attributes:
        inline: Texts that stand in the page itself.
        addresses: Where others are served from, by the server that serves the page.
    """

    inline: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    @property
    def policy(self) -> str:
        """The content security policy of the page: these scripts and no others, and no request to anywhere else."""
        own = ["'self'"] if self.addresses else []
        parts = {
            "default-src": ["'none'"],
            "script-src": [*map(_digest, self.inline), *own] or ["'none'"],
            "style-src": ["'unsafe-inline'"],
            "img-src": ["data:"],
            "base-uri": ["'none'"],
            "form-action": own or ["'none'"],
        }
        return "; ".join(" ".join([name, *allowed]) for name, allowed in parts.items())


NONE = Scripts()
"""For pages without charts."""


@cache
def library() -> str:
    """The script that draws all charts of a page: 900 kB, made in some two seconds.

    Source: https://github.com/vega/vl-convert.
    """
    bundle: str = vl_convert.javascript_bundle(CALL.read_text(encoding="utf-8"))
    # Inside a page a script ends with the first such tag, even in a string.
    return NOTICE + bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def inlined() -> Scripts:
    """The scripts of a page that is one file."""
    return Scripts(inline=(library(),))


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
