"""What people are told, once each; and silences, which always end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from driftline.analyzers.alerts import notices
from driftline.analyzers.alerts.notices import HISTORY, Repeat, Told, decide
from driftline.analyzers.alerts.patience import Patience
from driftline.analyzers.alerts.records import Alert, Incident, Kind, Severity, State, Telling
from driftline.analyzers.alerts.silences import Matcher, Silence, of_silence, silencing, to_silence
from driftline.analyzers.alerts.store import of_saying

from .test_alert_incidents import alert

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
INCIDENT = Incident(
    id="i",
    model="churn",
    kind=Kind.FEATURE,
    state=State.FIRING,
    severity=Severity.TICKET,
    since=NOW - 3 * HOUR,
    fired=NOW - HOUR,
    until=None,
    resolution=None,
    parent="a",
    alerts={Kind.FEATURE: 1},
    impact=None,
    title="churn: moved: age",
)
OVER = replace(INCIDENT, state=State.RESOLVED, until=NOW)
WORSE = replace(INCIDENT, severity=Severity.PAGE)


class Desk:
    """What was told so far, and what is told next."""

    def __init__(self) -> None:
        self.stored: list[dict] = []
        self.ids: set[str] = set()

    def __call__(self, incident: Incident, hours: float = 0, silence: Silence | None = None, *, acknowledged=False):
        """What is told so many hours later; it is stored as `Store` does, once by its id."""
        now = NOW + hours * HOUR
        told = Told.of(self.stored)
        said = decide(incident, {}, told, silence, Repeat(), now, acknowledged=acknowledged)
        for saying in said:
            assert saying.notice.id not in self.ids
            self.ids.add(saying.notice.id)
            self.stored.append(of_saying(saying)["notice"])
        return [f"({s.notice.telling})" if s.suppressed else str(s.notice.telling) for s in said]


@pytest.mark.parametrize(
    ("hours", "severity"),
    [(0, Severity.DIGEST), (1, Severity.TICKET), (2.9, Severity.TICKET), (3, Severity.PAGE), (99, Severity.PAGE)],
)
def test_an_incident_calls_no_more_than_it_has_lasted_for(hours, severity):
    """What would page is a ticket before, and in the digest before that."""
    patience = Patience(page=6 * HOUR, ticket=4 * HOUR)
    assert patience.of(WORSE, NOW + hours * HOUR).severity is severity
    assert patience.of(replace(WORSE, severity=Severity.DIGEST), NOW).severity is Severity.DIGEST


def test_what_is_far_beyond_doubt_calls_at_once():
    """However long others must wait."""
    assert Patience(page=99 * HOUR).of(replace(WORSE, severe=True), NOW).severity is Severity.PAGE


def test_one_that_is_over_never_pages_for_having_been_over_for_long():
    """It has lasted until its end, and no longer."""
    ended = replace(WORSE, state=State.RESOLVED, until=NOW)
    assert Patience(page=6 * HOUR).of(ended, NOW + 99 * HOUR).severity is Severity.TICKET


def test_what_people_know_of_is_not_taken_back():
    """Data that came late moved its start: who was paged is told of its end as of a page."""
    assert Patience(page=6 * HOUR).of(WORSE, NOW, Severity.PAGE).severity is Severity.PAGE


def test_without_a_wait_all_call_at_once():
    """That is the default."""
    assert Patience().of(WORSE, WORSE.since) == WORSE


def test_the_life_of_an_incident():
    """Opened, reminded with growing pauses, worse, over; each once."""
    tell = Desk()
    assert tell(INCIDENT) == ["opened"]
    assert tell(INCIDENT, 0.1) == []
    assert tell(INCIDENT, 4) == ["reminder"]
    assert tell(INCIDENT, 11.9) == []
    assert tell(INCIDENT, 12) == ["reminder"]
    assert tell(WORSE, 13) == ["escalated"]
    assert tell(WORSE, 13.1) == []
    assert tell(INCIDENT, 13.2) == []  # better is no news
    assert tell(OVER, 14) == ["resolved"]
    assert tell(OVER, 15) == []
    assert tell(INCIDENT, 16) == ["opened"]  # it was not over, late data say
    assert tell(OVER, 17) == ["resolved"]


def test_deciding_again_decides_the_same():
    """Whoever is killed before it is stored decides it again, under the same id."""
    first, again = (
        decide(INCIDENT, {}, Told(), None, Repeat(), NOW + hours * HOUR, acknowledged=False) for hours in (0, 1)
    )
    assert [s.notice.id for s in first] == [s.notice.id for s in again]


def test_who_looks_after_it_is_not_reminded():
    """Worse, and over, is told all the same."""
    tell = Desk()
    assert tell(INCIDENT) == ["opened"]
    assert tell(INCIDENT, 5, acknowledged=True) == []
    assert tell(WORSE, 6, acknowledged=True) == ["escalated"]
    assert tell(OVER, 7, acknowledged=True) == ["resolved"]


def test_a_digest_is_told_once():
    """Nobody is reminded of what costs nothing."""
    tell = Desk()
    assert tell(replace(INCIDENT, severity=Severity.DIGEST)) == ["opened"]
    assert tell(replace(INCIDENT, severity=Severity.DIGEST), 100) == []


def test_history_is_told_to_nobody():
    """The first analysis finds the incidents of years."""
    assert Desk()(replace(OVER, until=NOW - HISTORY - HOUR)) == []
    assert Desk()(replace(OVER, until=NOW - HOUR)) == ["opened", "resolved"]


def test_unknown_is_no_recovery():
    """It stays open, and people are reminded."""
    tell = Desk()
    assert tell(INCIDENT) == ["opened"]
    assert tell(replace(INCIDENT, state=State.UNKNOWN), 4) == ["reminder"]


def test_a_silence_keeps_back_and_says_so_before_it_ends():
    """What it keeps back is on record; afterwards people are told."""
    silence = Silence.new(Matcher(model="churn"), "ada", "known", NOW, 6 * HOUR)
    tell = Desk()
    assert tell(INCIDENT, 0, silence) == ["(opened)"]
    assert tell(INCIDENT, 1, silence) == []
    assert tell(INCIDENT, 5, silence) == ["silence_ends"]
    assert tell(INCIDENT, 5.5, silence) == []
    assert tell(INCIDENT, 6) == ["opened"]
    assert [notice["state"] for notice in tell.stored] == ["suppressed", "decided", "decided"]
    assert {notice.get("silence") for notice in tell.stored} == {silence.id, None}


def test_in_a_silence_the_end_is_told_of_what_was_told():
    """Whoever knows that it is on wants to know that it is over; whoever does not, does not."""
    silence = Silence.new(Matcher(model="churn"), "ada", "known", NOW, 6 * HOUR)
    tell = Desk()
    assert tell(INCIDENT) == ["opened"]
    assert tell(OVER, 1, silence) == ["resolved"]
    assert Desk()(OVER, 1, silence) == []


@pytest.mark.parametrize(
    ("hours", "count"), [(3.9, 0), (4, 1), (11.9, 1), (12, 2), (28, 3), (60, 4), (124, 5), (252, 6), (252 + 168, 7)]
)
def test_reminders_back_off(hours, count):
    """4 hours, then 8, 16, 32, 64, 128, and at most a week between two."""
    assert Repeat().due(hours * HOUR) == count


class TestSilences:
    """Who asked for quiet about what."""

    def covers(self, matcher: Matcher, *alerts: Alert) -> bool:
        """Whether an incident of these alerts is silenced."""
        silence = Silence.new(matcher, "ada", "known", NOW, HOUR)
        return silencing([silence], INCIDENT, alerts, NOW) is not None

    def test_all_that_is_named_must_match_all_that_is_wrong(self):
        """Else new trouble would hide behind old."""
        age, income = alert(0), alert(0, feature="income")
        assert self.covers(Matcher(feature="age"), age)
        assert not self.covers(Matcher(feature="age"), age, income)
        assert self.covers(Matcher(kind="feature"), age, income)
        assert not self.covers(Matcher(kind="feature", measure="ks"), age)
        assert self.covers(Matcher(segment="sex=f"), alert(0, segment=("sex", "f")))
        assert not self.covers(Matcher(segment="sex=f"), age)
        assert not self.covers(Matcher(model="other"), age)
        assert self.covers(Matcher(incident="i"), age)
        assert not self.covers(Matcher(incident="j"), age)

    def test_it_ends(self):
        """At its time, or when it is taken back."""
        silence = Silence.new(Matcher(model="churn"), "ada", "known", NOW, HOUR)
        assert silence.is_on(NOW)
        assert not silence.is_on(NOW + HOUR)
        ended = silence.end(NOW + HOUR / 2, "bob")
        assert ended.is_on(NOW + HOUR / 4)
        assert not ended.is_on(NOW + HOUR / 2)
        assert to_silence(of_silence(ended)) == ended

    def test_the_longest_of_several_counts(self):
        """The end of a shorter one is no end of the quiet."""
        short, long = (Silence.new(Matcher(model="churn"), "ada", "known", NOW, hours * HOUR) for hours in (1, 5))
        assert silencing([long, short], INCIDENT, [alert(0)], NOW) == long


def test_what_others_add_is_not_counted():
    """A notice of a kind that is no part of an incident's life changes nothing."""
    stored = [{"telling": Telling.TEST, "state": "decided", "decided": "2026-03-01T00:00:00.000Z", "severity": "page"}]
    assert notices.Told.of(stored) == Told()
