"""Values of a settings file, each with the path to it: so every error names what, where, got, and allowed."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NoReturn

from .windows import ALLOWED_LENGTHS, ALLOWED_SIZES, WindowSize, parse_length, parse_moment


class ConfigError(ValueError):
    """monitors.yml is wrong; the text names file, path in the file, value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value in the file, with the path to it, so that every error can name both."""

    file: str
    path: str
    value: Any

    def refuse(self, allowed: str) -> NoReturn:
        """Raise: this value is none of those allowed."""
        msg = f"{self.file}: {self.path or 'top level'}: got {self.value!r}, allowed: {allowed}"
        raise ConfigError(msg) from None

    def unknown(self, allowed: Collection[str], what: str) -> NoReturn:
        """Raise: this name is none of those that are known; the closest one is suggested."""
        close = difflib.get_close_matches(str(self.value), allowed, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        names = ", ".join(sorted(allowed))
        msg = f"{self.file}: {self.path}: unknown {self.value!r}{hint}, allowed: {names} ({what})"
        raise ConfigError(msg)

    def child(self, key: str | int, value: Any) -> Node:
        """A value inside this one."""
        step = f"[{key}]" if isinstance(key, int) else f".{key}" if self.path else key
        return Node(self.file, f"{self.path}{step}", value)

    def __getitem__(self, key: str) -> Node:
        return self.child(key, self.value[key])

    def get(self, key: str) -> Node | None:
        """The value under a key, None where there is none."""
        return self[key] if self.value.get(key) is not None else None

    def mapping(self) -> Mapping[str, Any]:
        """The value, which must be a mapping with texts as keys."""
        if not isinstance(self.value, Mapping) or not all(isinstance(key, str) for key in self.value):
            self.refuse("a mapping of names to settings")
        return self.value

    def keys(self, allowed: Collection[str], required: Collection[str] = ()) -> None:
        """Check the keys of a mapping."""
        for key in self.mapping():
            if key not in allowed:
                self.child(key, key).unknown(allowed, "keys")
        for key in sorted(required):
            if self.value.get(key) is None:
                msg = f"{self.file}: {self.path or 'top level'}: {key} is missing"
                raise ConfigError(msg)

    def list(self, key: str) -> Iterator[Node]:
        """The items of the list under a key; none where there is none."""
        node = self.get(key)
        return node.items() if node else iter(())

    def items(self) -> Iterator[Node]:
        """The items of this value, which must be a list."""
        if not isinstance(self.value, Sequence) or isinstance(self.value, str):
            self.refuse("a list")
        return (self.child(position, item) for position, item in enumerate(self.value))

    def text(self) -> str:
        """The value, which must be a text that is not empty."""
        if not isinstance(self.value, str) or not self.value:
            self.refuse("a text")
        return self.value

    def label(self) -> str:
        """The value as the name of a class: a text, an integer or a truth value."""
        if isinstance(self.value, bool):
            return str(self.value).lower()
        return str(self.value) if isinstance(self.value, int) else self.text()

    def choice(self, allowed: Collection[str]) -> str:
        """The value, which must be one of those allowed."""
        if self.value not in allowed:
            self.refuse(", ".join(allowed))
        return str(self.value)

    def number(self, low: float = -math.inf, high: float = math.inf, allowed: str | None = None) -> float:
        """The value, which must be a finite number within bounds."""
        valid = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        if not valid or not math.isfinite(self.value) or not low <= self.value <= high:
            bounds = "" if (low, high) == (-math.inf, math.inf) else f" from {low:g} to {high:g}"
            self.refuse(allowed or f"a number{bounds}")
        return float(self.value)

    def whole(self, low: int, high: int) -> int:
        """The value, which must be a whole number within bounds."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or not low <= self.value <= high:
            self.refuse(f"a whole number from {low} to {high}")
        return self.value

    def size(self) -> WindowSize:
        """The value as a size of window."""
        try:
            return WindowSize(self.text())
        except ValueError:
            self.refuse(ALLOWED_SIZES)

    def length(self) -> timedelta:
        """The value as a length of time."""
        try:
            return parse_length(self.text())
        except ValueError:
            self.refuse(ALLOWED_LENGTHS)

    def moment(self) -> datetime:
        """The value as a date or time."""
        try:
            return parse_moment(str(self.value))
        except ValueError:
            self.refuse("an ISO 8601 date or time such as 2013-01-31 or 2013-01-31T06:00:00Z")

    def day(self) -> date:
        """The value as a date."""
        try:
            return date.fromisoformat(str(self.value))
        except ValueError:
            self.refuse("an ISO 8601 date such as 2013-07-04")
