"""Secrets, which stand in the environment or in files: settings, documents and logs hold only where."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ...settings import ConfigError, Node

ALLOWED = "a reference, `env:NAME` or `file:/path`; a secret never stands in this file itself"


class Private(Node):
    """A value that may be a secret in the wrong place, so that no error quotes it."""

    __slots__ = ()

    def refuse(self, allowed: str) -> None:  # type: ignore[override] # as `Node.refuse`, it never returns
        """Raise: this value is none of those allowed."""
        msg = f"{self.file}: {self.path}: got a value that is not shown, allowed: {allowed}"
        raise ConfigError(msg) from None

    def child(self, key: str | int, value: object) -> Private:
        """A value inside this one."""
        found = Node.child(self, key, value)
        return Private(found.file, found.path, found.value)


class SecretError(Exception):
    """A secret is not where it should be; the text says where that is."""


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret stands.

    Attributes:
        reference: `env:NAME` or `file:/path`.
    """

    reference: str

    @classmethod
    def parse(cls, node: Node) -> Secret:
        """The reference in a settings file.

        Raises:
            ConfigError: It is none; the text does not quote it, since it may be the secret.
        """
        if not is_reference(node.value):
            Private(node.file, node.path, node.value).refuse(ALLOWED)
        return cls(node.value)

    def reveal(self) -> str:
        """The secret itself, read each time, so that it can be changed while the analyzer runs.

        Raises:
            SecretError: It is not there.
        """
        kind, _, place = self.reference.partition(":")
        if kind == "env":
            found = os.environ.get(place, "")
        else:
            try:
                found = Path(place).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                msg = f"{self.reference}: cannot be read: {reason}"
                raise SecretError(msg) from None
        if not found:
            msg = f"{self.reference}: it is not set" if kind == "env" else f"{self.reference}: it is empty"
            raise SecretError(msg)
        return found


def is_reference(value: object) -> bool:
    """Whether a value says where a secret stands."""
    if not isinstance(value, str):
        return False
    kind, _, place = value.partition(":")
    return (kind == "env" and place.isidentifier()) or (kind == "file" and Path(place).is_absolute())
