"""Rison, which Kibana keeps its state in after the `#` of an address: JSON with less to escape.

Source: https://github.com/Nanonid/rison.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

_IDENTIFIER = re.compile(r"[^\-0-9 '!:(),*@$][^ '!:(),*@$]*")
_WORDS = {True: "!t", False: "!f", None: "!n"}
_SAFE = "!'()*,:@/$;.~_-"
"""Signs that may stand in an address as they are."""

Value = Mapping[str, "Value"] | Sequence["Value"] | str | float | bool | None


def encode(value: Value) -> str:
    """A value as Rison.

    Args:
        value: As JSON has it; numbers are finite.
    """
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return f"({','.join(f'{_text(key)}:{encode(found)}' for key, found in value.items())})"
    if isinstance(value, Sequence):
        return f"!({','.join(map(encode, value))})"
    return repr(value).replace("+", "")


def parameter(value: Value) -> str:
    """A value as Rison, as it stands in an address."""
    return quote(encode(value), safe=_SAFE)


def _text(value: str) -> str:
    if _IDENTIFIER.fullmatch(value):
        return value
    escaped = value.replace("!", "!!").replace("'", "!'")
    return f"'{escaped}'"
