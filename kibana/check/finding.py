"""What is wrong with a bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One fault.

    Attributes:
        where: `dashboard / panel`, or type and title of another object.
        what: The rule that is broken; the same words for each fault of the kind.
        got: What is there.
        allowed: What may be there.
    """

    where: str
    what: str
    got: str
    allowed: str

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.where}: {self.what}, got {self.got}, allowed: {self.allowed}"


class NotUnderstoodError(ValueError):
    """A bundle holds something that the checker cannot judge.

    Attributes:
        what: The kind of thing, as in `Finding.what`.
        got: What is there.
        allowed: What the checker understands.
    """

    def __init__(self, what: str, got: object, allowed: str) -> None:
        super().__init__(f"{what}, got {got!r}, allowed: {allowed}")
        self.what, self.got, self.allowed = what, got, allowed

    def at(self, where: str) -> Finding:
        """The finding that it is at this place."""
        return Finding(where, self.what, repr(self.got), self.allowed)


def refuse(what: str, got: object, allowed: str) -> NoReturn:
    """Say that this cannot be judged.

    Raises:
        NotUnderstoodError: Always.
    """
    raise NotUnderstoodError(what, got, allowed)


def guarded(where: str, make: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a check finds; that it cannot read what is there is a finding, too."""
    try:
        return list(make())
    except NotUnderstoodError as error:
        return [error.at(where)]
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        return [unreadable(where, error)]


def unreadable(where: str, error: Exception) -> Finding:
    """The finding that something is not of the shape that Kibana writes."""
    return Finding(where, "cannot be read", f"{type(error).__name__} {error}", "the shape that Kibana writes")
