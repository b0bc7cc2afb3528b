"""Queries in the Kibana Query Language, written so that Kibana and `driftline predictions` read the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_PLAIN = re.compile(r"[A-Za-z_@][A-Za-z0-9_.@-]*")
_KEYWORDS = ("and", "or", "not")


def name(field: str) -> str:
    """The name of a field, in quotes where it needs them."""
    plain = _PLAIN.fullmatch(field) and field.lower() not in _KEYWORDS
    return field if plain else text(field)


def text(value: str) -> str:
    """A text in quotes."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def equals(field: str, value: str) -> str:
    """The field has this value."""
    return f"{name(field)}: {text(value)}"


def one_of(field: str, values: Iterable[str]) -> str:
    """The field has one of these values."""
    return f"{name(field)}: ({' or '.join(map(text, values))})"


def exists(field: str) -> str:
    """The field is there."""
    return f"{name(field)}: *"


def within(field: str, low: float | None, high: float | None) -> str:
    """The number is in `[low, high)`; None is no bound."""
    parts = [f"{name(field)} >= {low!r}"] if low is not None else []
    parts += [f"{name(field)} < {high!r}"] if high is not None else []
    return " and ".join(parts) or exists(field)


def above(field: str, bound: float) -> str:
    """The number is above a bound."""
    return f"{name(field)} > {bound!r}"


def neither(query: str) -> str:
    """What the query does not match."""
    return f"not ({query})"


def both(*queries: str) -> str:
    """What all queries match; empty ones match everything. None of them may hold an `or` outside of parentheses."""
    return " and ".join(query for query in queries if query)


def equal_to(values: Mapping[str, str | None]) -> str:
    """Each field has its value; those without one are left out."""
    return both(*(equals(field, value) for field, value in values.items() if value is not None))
