"""`notify` of monitors.yml: who is told, over what, and when not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ...settings import ConfigError, Node
from ..records import Kind, Severity
from .secrets import Private, Secret, is_reference

_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
DAY_IN_MINUTES = 1440


class Way(StrEnum):
    """What kinds of channel there are."""

    WEBHOOK = "webhook"
    APPRISE = "apprise"
    MAIL = "mail"
    ALERTMANAGER = "alertmanager"


class Encryption(StrEnum):
    """How mail is kept private on its way to the server."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A service of one's own.

    Attributes:
        url: Where it takes notices.
        key: What they are signed with; None: they are not.
    """

    url: Secret
    key: Secret | None


@dataclass(frozen=True, slots=True)
class Chat:
    """Chat, pagers and all else that apprise has an address for."""

    url: Secret


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail server, and who gets mail through it."""

    server: str
    port: int
    encryption: Encryption
    sender: str
    recipients: tuple[str, ...]
    user: str | None
    password: Secret | None


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """An Alertmanager.

    Attributes:
        url: Its address, without the path of the interface.
        user: For basic authentication; None without.
        password: The password of the user.
    """

    url: str | Secret
    user: str | None
    password: Secret | None


Address = Webhook | Chat | Mail | Alertmanager


@dataclass(frozen=True, slots=True)
class Route:
    """Which notices go where; what is empty fits all.

    Attributes:
        severities: Of these severities.
        models: Of these models.
        kinds: Of these kinds of trouble.
        to: Names of channels.
    """

    severities: frozenset[Severity]
    models: frozenset[str]
    kinds: frozenset[Kind]
    to: tuple[str, ...]

    def fits(self, severity: Severity, model: str, kind: Kind | None) -> bool:
        """Whether it is for such a notice; one without a kind fits where no kind is asked for."""
        return (
            (not self.severities or severity in self.severities)
            and (not self.models or model in self.models)
            and (not self.kinds or kind in self.kinds)
        )


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When what can wait does.

    Attributes:
        start: They begin at this time of day ...
        end: ... and end at this one, which may be of the next day.
        severities: What waits.
    """

    start: time
    end: time
    severities: frozenset[Severity]

    def over(self, now: datetime, zone: tzinfo) -> datetime | None:
        """When they end, if they are on; None if they are not."""
        clock = now.astimezone(zone).time()
        inside = self.start <= clock < self.end if self.start < self.end else not self.end <= clock < self.start
        return following(self.end, now, zone) if inside else None


@dataclass(frozen=True, slots=True)
class Cap:
    """How much a channel takes: so many notices in each length of time."""

    notices: int = 20
    per: timedelta = timedelta(hours=1)

    def period(self, now: datetime) -> tuple[datetime, datetime]:
        """The length of time, counted from 1970, that a time lies in."""
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        start = epoch + (now - epoch) // self.per * self.per
        return start, start + self.per


@dataclass(frozen=True, slots=True)
class Notify:
    """Who is told, over what, and when not.

    Attributes:
        channels: The channels by name; none: nobody is told.
        routes: Which notices go where: the first that fits decides.
        quiet: When what can wait does; None: never.
        cap: How much a channel takes.
        digest: Time of day at which what nobody is called for is told together.
        zone: What times of day are meant in.
        templates: Folder with templates that replace those of Driftline; None: there is none.
    """

    channels: Mapping[str, Address] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    quiet: QuietHours | None = None
    cap: Cap = field(default_factory=Cap)
    digest: time = time(8)
    zone: tzinfo = UTC
    templates: Path | None = None

    @classmethod
    def parse(cls, node: Node | None) -> Notify:
        """`notify` of monitors.yml.

        Raises:
            ConfigError: Something in it is not allowed.
        """
        if node is None:
            return cls()
        node.keys({"channels", "routes", "quiet_hours", "cap", "digest", "timezone", "templates"}, {"channels"})
        channels = _channels(node["channels"])
        quiet, cap, digest, templates = (node.get(key) for key in ("quiet_hours", "cap", "digest", "templates"))
        return cls(
            channels,
            tuple(_route(item, channels) for item in node.list("routes")) or _usual(channels),
            _quiet(quiet) if quiet else None,
            _cap(cap) if cap else Cap(),
            _clock(digest) if digest else time(8),
            _zone(node.get("timezone")),
            _folder(templates) if templates else None,
        )


def following(clock: time, now: datetime, zone: tzinfo) -> datetime:
    """When a clock next shows a time of day, in UTC: always later than now."""
    local = now.astimezone(zone)
    today = datetime.combine(local.date(), clock, zone)
    # By the clock on the wall: a day may have 23 or 25 hours.
    chosen = today if today > local else datetime.combine(local.date() + timedelta(days=1), clock, zone)
    return chosen.astimezone(UTC)


def _channels(node: Node) -> dict[str, Address]:
    private = Private(node.file, node.path, node.value)
    found = {name: _channel(private[name]) for name in private.mapping()}
    if not found:
        node.refuse("a mapping of at least one name to a channel")
    if find_spec("apprise") is None or find_spec("jinja2") is None:
        private.refuse("channels only after `pip install 'driftline[notify]'`")
    return found


def _channel(node: Node) -> Address:
    node.mapping()
    if node.get("kind") is None:
        node.keys(set(node.value), {"kind"})
    way = Way(node["kind"].choice([way.value for way in Way]))
    match way:
        case Way.WEBHOOK:
            node.keys({"kind", "url", "key"}, {"url"})
            return Webhook(Secret.parse(node["url"]), _secret(node, "key"))
        case Way.APPRISE:
            node.keys({"kind", "url"}, {"url"})
            return Chat(Secret.parse(node["url"]))
        case Way.MAIL:
            return _mail(node)
        case Way.ALERTMANAGER:
            node.keys({"kind", "url", "user", "password"}, {"url"})
            return Alertmanager(_plain_url(node["url"]), *_login(node))


def _secret(node: Node, key: str) -> Secret | None:
    return Secret.parse(node[key]) if node.get(key) else None


def _login(node: Node) -> tuple[str | None, Secret | None]:
    user, password = node.get("user"), _secret(node, "password")
    if (user is None) != (password is None):
        node.refuse("user and password, or neither")
    return user.text() if user else None, password


def _plain_url(node: Node) -> str | Secret:
    if is_reference(node.value):
        return Secret.parse(node)
    parts = urlsplit(node.text())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        node.refuse("an address such as http://alertmanager:9093 without user, password and query, or a reference")
    return node.text().rstrip("/")


def _mail(node: Node) -> Mail:
    node.keys(
        {"kind", "server", "port", "encryption", "from", "to", "user", "password"}, required={"server", "from", "to"}
    )
    chosen, port = node.get("encryption"), node.get("port")
    encryption = Encryption(chosen.choice([e.value for e in Encryption])) if chosen else Encryption.STARTTLS
    usual = {Encryption.STARTTLS: 587, Encryption.TLS: 465, Encryption.NONE: 25}[encryption]
    user, password = _login(node)
    if password is not None and encryption is Encryption.NONE:
        node.refuse("a password only where mail is encrypted")
    recipients = tuple(_one_line(item) for item in node.list("to"))
    if not recipients:
        node["to"].refuse("a list of at least one address")
    return Mail(
        node["server"].text(),
        port.whole(1, 65_535) if port else usual,
        encryption,
        _one_line(node["from"]),
        recipients,
        user,
        password,
    )


def _one_line(node: Node) -> str:
    text = node.text()
    if not text.isprintable():
        node.refuse("an address on one line")
    return text


def _usual(channels: Mapping[str, Address]) -> tuple[Route, ...]:
    """What calls somebody goes everywhere; digests are not for Alertmanager, which tells of what is on."""
    readers = tuple(name for name, address in channels.items() if not isinstance(address, Alertmanager))
    return (
        Route(frozenset({Severity.PAGE, Severity.TICKET}), frozenset(), frozenset(), tuple(channels)),
        Route(frozenset({Severity.DIGEST}), frozenset(), frozenset(), readers),
    )


def _route(node: Node, channels: Mapping[str, Any]) -> Route:
    node.keys({"severity", "model", "kind", "to"}, required={"to"})
    to = tuple(item.choice(list(channels)) for item in _several(node["to"]))
    return Route(
        frozenset(Severity(item.choice(list(Severity))) for item in _several(node.get("severity"))),
        frozenset(item.text() for item in _several(node.get("model"))),
        frozenset(Kind(item.choice(list(Kind))) for item in _several(node.get("kind"))),
        tuple(dict.fromkeys(to)),
    )


def _several(node: Node | None) -> list[Node]:
    if node is None:
        return []
    return [node] if isinstance(node.value, str) else list(node.items())


def _quiet(node: Node) -> QuietHours:
    node.keys({"from", "to", "severities"}, {"from", "to"})
    chosen = [Severity(item.choice(list(Severity))) for item in node.list("severities")]
    start, end = _clock(node["from"]), _clock(node["to"])
    if start == end:
        node.refuse("two times of day that differ")
    return QuietHours(start, end, frozenset(chosen or [Severity.TICKET]))


def _cap(node: Node) -> Cap:
    node.keys({"notices", "per"})
    notices, per = node.get("notices"), node.get("per")
    return Cap(notices.whole(1, 10_000) if notices else Cap().notices, per.length() if per else Cap().per)


def _clock(node: Node) -> time:
    # YAML reads 20:00 without quotes as a number in base 60: its minutes.
    if isinstance(node.value, int) and not isinstance(node.value, bool) and 0 <= node.value < DAY_IN_MINUTES:
        return time(*divmod(node.value, 60))
    match = _CLOCK.fullmatch(str(node.value))
    if match is None:
        node.refuse("a time of day such as 20:00")
    return time(int(match[1]), int(match[2]))


def _zone(node: Node | None) -> tzinfo:
    try:
        return ZoneInfo(node.text()) if node else UTC
    except (ZoneInfoNotFoundError, ValueError):
        assert node is not None
        node.refuse("the name of a time zone such as Europe/Berlin")


def _folder(node: Node) -> Path:
    """A folder, from that of the file on where it does not begin with the root."""
    folder = Path(node.file).parent / node.text()
    if not folder.is_dir():
        msg = f"{node.file}: {node.path}: {folder} is no folder"
        raise ConfigError(msg)
    return folder
