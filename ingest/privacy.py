"""What of an event leaves the service: fields that are dropped, hashed or cut before anything else sees them.

    Privacy(drop=["email"], hash=["id", "labels.user_id"], truncate={"message": 200}, features=["age", "plan"])

It fails closed: what it does not understand is withheld, never sent as it is.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from .checks import WITHHELD, EventError, is_missing, native, shown
from .events import FIELDS, REFUSED, Task

KEYS_VARIABLE = "DRIFTLINE_HASH_KEYS"
DIGITS = 32
"""Hexadecimal digits of a hash: 128 bits, so that no two values meet by chance."""

Rule = Callable[[Any], Any]
"""From a single value to what stands in its place."""

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,32}")
_PLAIN = frozenset({str, int, float, bool, type(None)})
_SCALARS = (str, int, float, date, time, timedelta, Decimal, UUID)
_NEEDED = frozenset({"event", "model", "task"})
_ABOUT_THE_LINE = frozenset({"exc_info", "exception", "stack_info", "stack", "_record", "_from_structlog"})
"""Keys that no document has, yet that a dead letter would quote: a traceback or a log record holds anything."""
_APART = _ABOUT_THE_LINE | {"event", "error", REFUSED}


class PrivacyError(ValueError):
    """A privacy setting is not what it should be; the text names it, what it got, and what is allowed."""


@dataclass(slots=True)
class _Node:
    """A place in an event: the rule for what is there, and the places below it; `only` are the names that may pass."""

    rule: Rule | None = None
    below: dict[str, _Node] = field(default_factory=dict)
    only: frozenset[str] | None = None

    def at(self, path: Sequence[str]) -> _Node:
        """The place at the end of a path, made where there is none."""
        return self.below.setdefault(path[0], _Node()).at(path[1:]) if path else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """What of predictions, outcomes and changes leaves the service.

    A field is named by its path in the log call, such as `features.email`, `segments.gender` or `trace_id`; by its path
    in the document, where that is `labels.<name>`; or by a bare name, which matches this key wherever it stands, at any
    depth. A rule for a mapping or a list holds for all values in it. A path goes before a bare name.

    Attributes:
        drop: Fields that are taken out. Of `error` the text goes, and that it failed stays.
        hash: Fields whose value becomes `<key id>:<32 hexadecimal digits>`, HMAC-SHA256
            (https://www.rfc-editor.org/rfc/rfc2104), so that equal values stay equal. Missing values stay missing.
        truncate: Fields whose text is cut, with the number of characters that stay.
        features: The only features that pass; all when left out.
        keys: `id:secret,id:secret`, as in the environment variable DRIFTLINE_HASH_KEYS, which is read when this is left
            out. The first one hashes; the others are for `hashes`.

    Raises:
        PrivacyError: A field is none or is named twice, a length is none, or there is no key to hash with.
    """

    drop: Sequence[str] = ()
    hash: Sequence[str] = ()
    truncate: Mapping[str, int] = field(default_factory=dict)
    features: Sequence[str] | None = None
    keys: str | None = field(default=None, repr=False)
    _keys: tuple[tuple[str, bytes], ...] = field(init=False, repr=False, compare=False)
    _places: _Node = field(init=False, repr=False, compare=False)
    _anywhere: dict[str, Rule] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lists = {name: _names(name, getattr(self, name)) for name in ("drop", "hash", "truncate")}
        _check(lists, self.truncate)
        only = None if self.features is None else _names("features", self.features, paths=False)
        keys = _keys(self.keys) if lists["hash"] or self.keys is not None else ()
        rules: dict[str, Rule] = dict.fromkeys(lists["drop"], _drop)
        rules |= dict.fromkeys(lists["hash"], _hash(*keys[0]) if keys else _drop)
        rules |= {name: _cut(length) for name, length in self.truncate.items()}
        settings = {
            "drop": lists["drop"],
            "hash": lists["hash"],
            "truncate": dict(self.truncate),
            "features": only,
            "_keys": keys,
            "_places": _tree(rules, only),
            "_anywhere": {name: rule for name, rule in rules.items() if "." not in name},
        }
        for name, value in settings.items():
            object.__setattr__(self, name, value)

    def apply(self, event_dict: Mapping[str, Any]) -> dict[str, Any]:
        """A prediction, outcome or change as it may leave the service; the one given is not changed. Never raises."""
        try:
            return self._event(event_dict)
        except Exception:  # noqa: BLE001 (fail closed: whatever went wrong, nothing of it is sent)
            return {"event": _event_name(event_dict), "privacy": WITHHELD}

    def hashes(self, value: Any) -> list[str]:
        """What a value is hashed to, by each key, the newest first: to find what was stored about somebody."""
        return [str(_hash(identity, secret)(native(value))) for identity, secret in self._keys]

    def _event(self, event_dict: Mapping[str, Any]) -> dict[str, Any]:
        parts = {
            key: value if _is_understood(key, value) else WITHHELD
            for key, value in event_dict.items()
            if key not in _APART
        }
        found = {"event": event_dict["event"], **self._entries(parts, self._places)}
        if "error" in event_dict:
            found["error"] = self._error(event_dict["error"])
        if isinstance(wrong := event_dict.get(REFUSED), EventError):
            # Where it is wrong, and not what is there.
            found[REFUSED] = EventError(f"{str(wrong).partition(': ')[0]}: got {WITHHELD}")
        return found

    def _error(self, error: Any) -> Any:
        """Why there is no answer: the kind of an exception stays, since it tells failures apart."""
        if error is None or not isinstance(error, BaseException | str):
            return None if error is None else WITHHELD
        rule, _ = self._find("error", self._places)
        if rule is None:
            return error
        text = WITHHELD if rule is _drop else rule(shown(error) if isinstance(error, BaseException) else error)
        return type(type(error).__name__, (Exception,), {})(text) if isinstance(error, BaseException) else text

    def _entries(self, given: Mapping[Any, Any], place: _Node | None, rule: Rule | None = None) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        anywhere, below = self._anywhere, place.below if place else {}
        only = place.only if place else None
        for key, value in given.items():
            if (  # The log call waits for this: a single value that no rule means goes the short way.
                rule is None
                and type(value) in _PLAIN
                and type(key) is str
                and key not in anywhere
                and key not in below
                and (key in only if only is not None else "." not in key)
            ):
                found[key] = value
                continue
            if type(key) not in _PLAIN and not isinstance(key, str):
                found[WITHHELD] = WITHHELD
                continue
            name = str.__str__(key) if isinstance(key, str) else str(key)
            own, beneath = self._find(name, place)
            chosen = own or rule
            if chosen is not _drop:
                found[name] = self._value(value, beneath, chosen)
        return found

    def _value(self, given: Any, place: _Node | None, rule: Rule | None) -> Any:
        try:
            if isinstance(given, Mapping):
                return self._entries(given, place, rule)
            if isinstance(given, list | tuple):
                return [self._value(value, place, rule) for value in given]
            if is_missing(given):
                return given
            value = native(given)
            if isinstance(value, _SCALARS):
                return rule(value) if rule else value
        except Exception:  # noqa: BLE001 (this part is withheld, the others are not)
            return WITHHELD
        return WITHHELD

    def _find(self, key: str, place: _Node | None) -> tuple[Rule | None, _Node | None]:
        """The rule for a key at a place, and the place below it; a key with dots is a path of its own."""
        for part in key.split(".") if "." in key else (key,):
            if place is not None and place.only is not None and part not in place.only:
                return _drop, None
            place = place.below.get(part) if place else None
            rule = (place.rule if place else None) or self._anywhere.get(part)
            if rule:
                return rule, place
        return None, place


def _drop(_: Any) -> Any:
    """Stands for fields that are taken out."""
    return WITHHELD


def _hash(identity: str, secret: bytes) -> Rule:
    def rule(value: Any) -> Any:
        if is_missing(value):
            return value
        digest = hmac.digest(secret, _bytes(value), "sha256").hex()
        return f"{identity}:{digest[:DIGITS]}"

    return rule


def _bytes(value: Any) -> bytes:
    """A value as it is hashed: as events write it, so that the id 17 and the id "17" are the same."""
    if isinstance(value, bool):
        return b"true" if value else b"false"
    text = str.__str__(value) if isinstance(value, str) else str(value)
    return text.encode(errors="surrogatepass")


def _cut(length: int) -> Rule:
    return lambda value: value[:length] if isinstance(value, str) else value


def _event_name(event_dict: Mapping[str, Any]) -> str:
    try:
        name = event_dict["event"]
        return name if type(name) is str and name in FIELDS else WITHHELD
    except Exception:  # noqa: BLE001 (an event so strange that not even its name can be told)
        return WITHHELD


def _is_understood(key: str, value: Any) -> bool:
    """Whether a field of the log call is of the kind that it should be; a check that refuses it would quote it."""
    kinds = _KINDS.get(key)
    if kinds is None:
        return True
    try:
        if isinstance(value, list):  # a column of a batch that was refused
            return all(_is_understood(key, one) for one in value)
        if type(value) not in kinds and not is_missing(value) and not isinstance(native(value), kinds):
            return False
        return not isinstance(value, str) or key not in _TEXTS or _TEXTS[key](value)
    except Exception:  # noqa: BLE001 (a stranger's methods may raise anything)
        return False


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("features", "segments", "labels", "probabilities"), (dict, Mapping)),
    **dict.fromkeys(("id", "label", "model", "model_version", "trace_id"), _SCALARS),
    **dict.fromkeys(("timestamp", "@timestamp"), (str, int, float, datetime)),
    **dict.fromkeys(("score", "value"), (int, float)),
    "duration": (int, float, timedelta),
    "task": (str,),
}
_TEXTS: Mapping[str, Callable[[str], bool]] = {
    "timestamp": _is_moment,
    "@timestamp": _is_moment,
    "task": frozenset(Task).__contains__,
}


def _names(where: str, given: Any, *, paths: bool = True) -> tuple[str, ...]:
    """Names of fields.

    Raises:
        PrivacyError: They are none.
    """
    kind = Mapping if where == "truncate" else list | tuple | set | frozenset
    if not isinstance(given, kind):
        expected = "{name of a field: number of characters}" if where == "truncate" else "a list of names of fields"
        msg = f"privacy.{where}: got {shown(given)}, allowed: {expected}"
        raise PrivacyError(msg)
    for name in given:
        if not isinstance(name, str) or not all(name.split(".")) or not (paths or "." not in name):
            expected = "email or features.email" if paths else "age: only features are listed here"
            msg = f"privacy.{where}: got {shown(name)}, allowed: the name of a field, such as {expected}"
            raise PrivacyError(msg)
    return tuple(given)


def _check(lists: Mapping[str, Sequence[str]], lengths: Mapping[str, int]) -> None:
    """Whether the rules agree with each other and leave what every event needs.

    Raises:
        PrivacyError: They do not.
    """
    seen: dict[str, str] = {}
    for where, names in lists.items():
        for name in names:
            if name in seen:
                msg = f"privacy.{where}: got {name!r}, which is in privacy.{seen[name]} already; allowed: one of them"
                raise PrivacyError(msg)
            seen[name] = where
            if name in _NEEDED:
                msg = f"privacy.{where}: got {name!r}, which every event needs; a feature is features.{name}"
                raise PrivacyError(msg)
    if "id" in lists["drop"]:
        msg = "privacy.drop: got 'id', by which an outcome finds its prediction; allowed: to hash it"
        raise PrivacyError(msg)
    for name, length in lengths.items():
        if not isinstance(length, int) or isinstance(length, bool) or length < 1:
            msg = f"privacy.truncate.{name}: got {shown(length)}, allowed: a number of characters, at least 1"
            raise PrivacyError(msg)


def _keys(given: str | None) -> tuple[tuple[str, bytes], ...]:
    """The keys by their ids, the newest first. What is wrong with one is told without telling the secret.

    Raises:
        PrivacyError: There is none, or one is malformed.
    """
    where = KEYS_VARIABLE if given is None else "privacy.keys"
    text = os.environ.get(KEYS_VARIABLE, "") if given is None else given
    if not isinstance(text, str) or not text.strip():
        msg = f"{where}: there is no key to hash with; allowed: id:secret, or several with commas, the newest first"
        raise PrivacyError(msg)
    found: dict[str, bytes] = {}
    for number, entry in enumerate(text.split(","), 1):
        identity, colon, secret = (part.strip() for part in entry.partition(":"))
        if not colon or not secret or not _KEY_ID.fullmatch(identity) or identity in found:
            msg = (
                f"{where}: key {number} of {text.count(',') + 1} is malformed; "
                "allowed: id:secret, with an id of its own of at most 32 letters, digits, `.`, `_` and `-`"
            )
            raise PrivacyError(msg)
        found[identity] = secret.encode()
    return tuple(found.items())


def _tree(rules: Mapping[str, Rule], only: Sequence[str] | None) -> _Node:
    root = _Node()
    for name, rule in rules.items():
        first, *rest = name.split(".")
        if rest:
            root.at([first, *rest]).rule = rule
    for name, rule in rules.items():
        first, *rest = name.split(".")
        # Whatever else is in the log call becomes a label: its place in the document means it, too.
        if first == "labels" and rest and rest[0] not in _FIELD_NAMES and (place := root.at(rest)).rule is None:
            place.rule = rule
    if only is not None:
        root.at(["features"]).only = frozenset(only)
    return root


_FIELD_NAMES = frozenset[str]().union(*FIELDS.values()) | {"model_version", "@timestamp", "labels"}
