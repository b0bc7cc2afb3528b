"""Which channel is told when, in which words, and what never leaves the settings."""

from __future__ import annotations

import hashlib
import hmac
import logging
from datetime import UTC, datetime, timedelta

import pytest

from driftline.analyzers import monitors
from driftline.analyzers.alerts.delivery import routing
from driftline.analyzers.alerts.delivery.chat import ChatChannel
from driftline.analyzers.alerts.delivery.commands import notices
from driftline.analyzers.alerts.delivery.documents import Delivery, Stage, of_delivery, to_delivery
from driftline.analyzers.alerts.delivery.outbox import pause
from driftline.analyzers.alerts.delivery.secrets import Secret
from driftline.analyzers.alerts.delivery.settings import Chat, Notify
from driftline.analyzers.alerts.delivery.templates import Templates
from driftline.analyzers.alerts.delivery.webhook import signature
from driftline.analyzers.alerts.records import Notice, Severity, Telling
from driftline.analyzers.settings import ConfigError
from driftline.analyzers.windows import iso

NOW = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEXT = """
models: [{name: m, task: regression, window: 1h}]
notify:
  channels:
    oncall: {kind: webhook, url: "env:HOOK", key: "file:/run/secrets/key"}
    team: {kind: apprise, url: "env:CHAT"}
    alerts: {kind: alertmanager, url: "http://alertmanager:9093"}
"""


def notify(more: str = "") -> Notify:
    """The settings, with more of them."""
    return monitors.parse(TEXT + more).notify


def notice(severity=Severity.PAGE, telling=Telling.OPENED, model="m", kind="drift", decided=NOW, **incident) -> Notice:
    """A notice of an incident."""
    found = {"id": "i", "kind": kind, "since": iso(NOW - HOUR), **incident}
    return Notice("n", telling, "i", model, severity, decided, "m: moved: age", {"incident": found})


def stages(found) -> dict[str, str]:
    """Where each channel's delivery begins."""
    return {one.channel: str(one.stage) for one in found}


class TestRouting:
    """Severity and model choose channels; hours and caps choose when."""

    def test_without_routes_what_calls_somebody_goes_everywhere(self):
        """A digest waits for its time, and is nothing for Alertmanager."""
        everywhere = dict.fromkeys(("oncall", "team", "alerts"), "waiting")
        assert stages(routing.planned(notice(), notify(), NOW, {})) == everywhere
        digests = routing.planned(notice(Severity.DIGEST), notify(), NOW, {})
        assert stages(digests) == {"oncall": "digest", "team": "digest"}
        assert {one.next for one in digests} == {datetime(2026, 3, 3, 8, tzinfo=UTC)}

    def test_the_first_route_that_fits_decides(self):
        """By severity, model and kind."""
        settings = notify("""
  routes:
    - {kind: ingest, to: team}
    - {severity: page, model: [m, n], to: [oncall]}
    - {severity: [ticket, digest], to: [team]}
""")
        for told, channels in (
            (notice(kind="ingest"), ["team"]),
            (notice(), ["oncall"]),
            (notice(Severity.TICKET), ["team"]),
            (notice(model="other"), []),
        ):
            assert [one.channel for one in routing.planned(told, settings, NOW, {})] == channels

    def test_in_quiet_hours_what_can_wait_does(self):
        """Until their end, by the clock on the wall; a page does not wait."""
        settings = notify("""
  timezone: Europe/Berlin
  quiet_hours: {from: "22:00", to: "07:00"}
""")
        night = datetime(2026, 3, 2, 23, tzinfo=UTC)
        waits = routing.planned(notice(Severity.TICKET, decided=night), settings, night, {})
        assert {one.next for one in waits} == {datetime(2026, 3, 3, 6, tzinfo=UTC)}
        assert {one.next for one in routing.planned(notice(decided=night), settings, night, {})} == {night}
        assert {one.next for one in routing.planned(notice(Severity.TICKET), settings, NOW, {})} == {NOW}

    def test_beyond_a_cap_notices_are_held_and_that_is_told_once(self):
        """Until the end of the hour; nothing is dropped."""
        settings = notify("\n  cap: {notices: 2, per: 1h}")
        held = routing.planned(notice(), settings, NOW, {"oncall": 2, "team": 1})
        assert stages(held) == {"oncall": "held", "team": "waiting", "alerts": "waiting"}
        assert held[0].next == datetime(2026, 3, 2, 13, tzinfo=UTC)
        told, again = (routing.overflow(held[0], settings, NOW + n * HOUR / 4) for n in (0, 1))
        assert told.id == again.id
        assert told.id != routing.overflow(held[0], settings, NOW + HOUR).id
        assert "more than 2 notices for oncall" in told.title

    def test_a_recovery_goes_to_all_that_were_told_whatever_the_cap(self):
        """An incident that was a ticket and became a page was told to others than its recovery's route has."""
        settings = notify("\n  routes: [{severity: page, to: oncall}]\n  cap: {notices: 2, per: 1h}")
        over = notice(telling=Telling.RESOLVED)
        found = routing.planned(over, settings, NOW, {"oncall": 2, "team": 2}, ["team", "gone"])
        assert stages(found) == {"oncall": "waiting", "team": "waiting"}

    def test_what_is_on_is_told_before_that_it_is_over(self):
        """Also where both were decided at once."""
        ids = [Notice(str(n), telling, "i", "m", Severity.PAGE, NOW, "t", {})
               for n in range(20) for telling in (Telling.RESOLVED, Telling.OPENED)]  # fmt: skip
        ordered = sorted((Delivery.of(one, "team", Stage.WAITING, NOW, NOW) for one in ids), key=routing.order)
        assert [one.telling for one in ordered] == [Telling.OPENED] * 20 + [Telling.RESOLVED] * 20

    def test_what_is_old_news_is_told_to_nobody(self):
        """As when the first channel is set up after a year."""
        assert set(stages(routing.planned(notice(decided=NOW - 25 * HOUR), notify(), NOW, {})).values()) == {
            "suppressed"
        }

    def test_a_page_that_is_not_taken_goes_to_all_other_channels(self):
        """A ticket does not."""
        for severity, channels in ((Severity.PAGE, ["team", "alerts"]), (Severity.TICKET, [])):
            (failed, *_) = routing.planned(notice(severity), notify(), NOW, {})
            assert [d.channel for d in routing.fallbacks(failed, notice(severity), notify(), NOW)] == channels


def test_a_delivery_is_read_as_it_was_stored():
    """With all that is known of it."""
    delivery = Delivery.of(notice(), "oncall", Stage.WAITING, NOW, NOW)
    assert to_delivery(of_delivery(delivery)) == delivery


def test_pauses_double_and_are_always_the_same():
    """From half to all of 30 seconds, 60, 120, ... and never more than an hour."""
    assert pause("a", 1) == pause("a", 1) != pause("b", 1)
    for tries in range(1, 20):
        most = min(3_600, 30 * 2 ** (tries - 1))
        assert most / 2 <= pause("a", tries) <= most


def test_the_signature_is_that_of_the_rfc():
    """HMAC-SHA256 over time stamp, dot and body."""
    right = hmac.new(b"key", b"1700000000.{}", hashlib.sha256).hexdigest()
    assert signature("key", "1700000000", b"{}") == f"sha256={right}"


class TestSettings:
    """What is allowed, and what never shows."""

    @pytest.mark.parametrize(
        ("more", "told"),
        [
            ("\n  cap: {notices: 0}", "notify.cap.notices: got 0, allowed: a whole number from 1"),
            ("\n  quiet_hours: {from: '22:00', to: late}", "notify.quiet_hours.to: got 'late', allowed: a time of day"),
            ("\n  timezone: Mars", "notify.timezone: got 'Mars', allowed: the name of a time zone"),
            ("\n  routes: [{to: nobody}]", "notify.routes[0].to: got 'nobody', allowed: oncall, team, alerts"),
            ("\n  routes: [{to: team, severity: bad}]", "allowed: page, ticket, digest"),
            ("\n  chanels: {}", "unknown 'chanels' (did you mean 'channels'?)"),
        ],
    )
    def test_what_is_wrong_is_told(self, more, told):
        """What, where, got, and allowed."""
        with pytest.raises(ConfigError) as error:
            notify(more)
        assert told in str(error.value)

    @pytest.mark.parametrize(
        "channel",
        [
            "{kind: webhook, url: 'https://hooks.example/canary'}",
            "{kind: webhook, url: 'env:URL', key: canary}",
            "{kind: apprise, url: 'slack://canary/b/c'}",
            "{kind: alertmanager, url: 'http://user:canary@host'}",
            "{kind: mail, server: s, from: a@b, to: [c@d], user: u, password: canary}",
            "{kind: webhook, urls: canary}",
        ],
    )
    def test_a_secret_in_the_file_is_refused_and_not_shown(self, channel):
        """It would be in the repository next."""
        text = f"models: [{{name: m, task: regression, window: 1h}}]\nnotify: {{channels: {{a: {channel}}}}}"
        with pytest.raises(ConfigError) as error:
            monitors.parse(text)
        assert "canary" not in str(error.value)
        assert "notify.channels.a" in str(error.value)

    def test_a_secret_is_read_where_it_stands(self, monkeypatch, tmp_path):
        """Each time, so that it can be changed."""
        monkeypatch.setenv("HOOK", "one")
        assert Secret("env:HOOK").reveal() == "one"
        (tmp_path / "key").write_text("two\n")
        assert Secret(f"file:{tmp_path / 'key'}").reveal() == "two"
        assert "one" not in repr(Secret("env:HOOK"))


class TestTemplates:
    """In which words."""

    def test_titles_say_what_became_of_it(self):
        """Over after how long, worse, still on."""
        found = {told.telling: Templates().title(told) for told in notices(NOW)}
        assert found[Telling.OPENED] == "[ticket] test: this is a test of Driftline, nothing happened"
        assert found[Telling.ESCALATED].startswith("Worse: [page] test")
        assert found[Telling.RESOLVED].startswith("Over after 3 h: [page] test")
        assert found[Telling.REMINDER].startswith("Still on: ")

    def test_an_incident_without_evidence_has_a_text_and_a_mail(self):
        """Missing parts are left out."""
        for told in notices(NOW):
            assert Templates().html(told)
        assert Templates().text(notice()) == "driftline alerts show i"

    def test_all_evidence_is_told(self):
        """How much, who, why, what changed, which predictions, what to do."""
        metric = {"title": "Recall", "feature": None, "segment": {"name": "sex", "value": "f"}, "value": 0.5,
                  "lower": 0.4, "upper": 0.6, "reference_value": 0.8, "sample_size": 90}  # fmt: skip
        evidence = {
            "metrics": [metric],
            "who": "Only region=north.",
            "cause": {"text": "age: in months"},
            "changes": [{"@timestamp": iso(NOW), "action": "model-deployed", "message": "v2 <b>"}],
            "exemplars": [{"id": "p1"}],
            "ordinary": [{"id": "p2"}],
            "links": {"runbook": "https://runbooks.example/drift.md"},
        }
        impact = {
            "loss": 120.0,
            "at_least": 80.0,
            "unit": "EUR",
            "share": 0.05,
            "predictions": 1e3,
            "basis": "measured",
        }
        told = notice(evidence=evidence, impact=impact)
        text, html = Templates().text(told), Templates().html(told)
        for part in ("Recall in sex=f: 0.5 (0.4 to 0.6), reference 0.8, n = 90", "120 EUR a day (5.0 %, measured)",
                     "Only region=north.", "age: in months", "p1", "https://runbooks.example/drift.md"):  # fmt: skip
            assert part in text
        assert "v2 &lt;b&gt;" in html
        assert "p2" in html

    def test_templates_of_ones_own_replace_ours(self, tmp_path):
        """Those that are there."""
        (tmp_path / "title.txt.j2").write_text("{{ notice.model }} is ill")
        assert Templates(tmp_path).title(notice()) == "m is ill"
        assert Templates(tmp_path).text(notice())


def test_apprise_logs_no_address(monkeypatch, caplog):
    """Its own warnings quote what it was given."""
    monkeypatch.setenv("CHAT", "json://127.0.0.1:9/canary")
    with caplog.at_level(logging.DEBUG), pytest.raises(Exception, match="apprise could not deliver it"):
        ChatChannel(Chat(Secret("env:CHAT")), Templates()).send(notice(), None)
    assert "canary" not in caplog.text
