"""What a page was asked: the parts of an address after `?`, read once, with errors that stand beside their field."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from ..windows import parse_moment

LONGEST = 2_000
"""Characters of a parameter: more is no question."""
MOST_NAMED = 20
"""Words that an error names of those that are allowed."""


class AskedError(ValueError):
    """A parameter cannot be read; the text says what is allowed.

    Attributes:
        field: Name of the parameter.
    """

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


def text(arguments: Mapping[str, str], field: str, default: str = "") -> str:
    """A text without what surrounds it.

    Raises:
        AskedError: It is too long, or holds a character that no name does.
    """
    found = arguments.get(field, "").strip() or default
    if len(found) > LONGEST or "\0" in found:
        msg = f"allowed: at most {LONGEST:,} characters, no NUL"
        raise AskedError(msg, field)
    return found


def moment(arguments: Mapping[str, str], field: str) -> datetime | None:
    """A time, None where none is given.

    Raises:
        AskedError: It is no time.
    """
    found = text(arguments, field)
    try:
        return parse_moment(found) if found else None
    except ValueError as error:
        raise AskedError(str(error), field) from error


def written(found: datetime | None) -> str:
    """A time as `moment` reads it, as short as it can be; empty for None."""
    return found.replace(tzinfo=None).isoformat(" ").removesuffix(":00").removesuffix(" 00:00") if found else ""


def one_of(arguments: Mapping[str, str], field: str, allowed: Collection[str], default: str) -> str:
    """One of several words.

    Raises:
        AskedError: It is another.
    """
    found = text(arguments, field, default)
    if found not in allowed:
        named = list(allowed)[:MOST_NAMED]
        others = f" and {len(allowed) - len(named)} more" if len(allowed) > len(named) else ""
        msg = f"got {found!r}, allowed: {', '.join(named)}{others}"
        raise AskedError(msg, field)
    return found


def number(arguments: Mapping[str, str], field: str, most: int) -> int:
    """A whole number from 1 on; 1 where none is given.

    Raises:
        AskedError: It is none, or larger than what is allowed.
    """
    found = text(arguments, field, "1")
    if not (found.isascii() and found.isdigit() and len(found) < 10 and 1 <= int(found) <= most):
        msg = f"got {found!r}, allowed: 1 to {most:,}"
        raise AskedError(msg, field)
    return int(found)
