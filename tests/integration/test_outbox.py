"""Notices from the index to a real receiver: tried again, given up, held, collected, and told once."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from receiving import receiving

from driftline.analyzers import monitors, scheduler
from driftline.analyzers.alerts.delivery.send import send_notices
from driftline.analyzers.alerts.documents import of_notice
from driftline.analyzers.alerts.records import Notice, Severity, Telling
from driftline.analyzers.windows import iso

NOW = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEY = "canary-of-a-key"
CHILD = Path(__file__).parents[1] / "delivering.py"
MODEL = "models: [{name: m, task: regression, window: 1h}]\n"


def notice(number=0, severity=Severity.PAGE, telling=Telling.OPENED) -> Notice:
    """A notice of an incident."""
    document = {"incident": {"id": f"i{number}", "kind": "drift", "since": iso(NOW)}}
    return Notice(f"notice-{number}", telling, f"i{number}", "m", severity, NOW, f"m: moved: f{number}", document)


class Desk:
    """The outbox, its channels, and a receiver behind them."""

    def __init__(self, cluster, receiver, text: str) -> None:
        self.cluster = cluster
        self.receiver = receiver
        self.notify = monitors.parse(MODEL + text).notify

    def decide(self, *notices: Notice) -> None:
        """Store notices as evaluation does."""
        lines = []
        for one in notices:
            action = {"create": {"_index": self.cluster.streams.alerts, "_id": one.id}}
            lines += [orjson.dumps(action), orjson.dumps(of_notice(one))]
        self.cluster.create(lines)

    def round(self, minutes: float = 0) -> Counter[str]:
        """One round, so many minutes later."""
        return send_notices(self.cluster, self.notify, NOW + minutes * MINUTE).stages

    def deliveries(self) -> list[dict]:
        """All of them, as stored."""
        self.cluster.refresh(self.cluster.streams.alerts)
        return list(self.cluster.alerting("driftline.delivery", {"match_all": {}}))


WEBHOOK = 'notify: {channels: {hook: {kind: webhook, url: "env:HOOK", key: "env:HOOK_KEY"}}%s}'


@pytest.fixture
def receiver(monkeypatch):
    """A webhook receiver, which the environment names."""
    with receiving(KEY) as server:
        monkeypatch.setenv("HOOK", server.url)
        monkeypatch.setenv("HOOK_KEY", KEY)
        yield server


@pytest.fixture
def desk(cluster, receiver):
    """One with a webhook."""
    return Desk(cluster, receiver, WEBHOOK % "")


def test_a_notice_is_told_whole_and_once(desk):
    """Signed, under its id; the next round has nothing to do."""
    desk.decide(notice())
    assert desk.round() == {"sent": 1}
    assert desk.round(5) == {}
    ((key, told),) = desk.receiver.told
    assert key == told["notice"]["id"] == "notice-0"
    assert told["notice"]["document"]["incident"]["id"] == "i0"


def test_what_is_not_taken_is_tried_again_and_given_up_after_a_day(desk):
    """With growing pauses; a refusal is for good."""
    desk.receiver.answers = [503, 429]
    desk.decide(notice())
    assert desk.round() == {"waiting": 1}
    assert desk.round(0.1) == {}  # not yet
    assert desk.round(1) == {"waiting": 1}
    assert desk.round(3) == {"sent": 1}
    desk.receiver.answers = [503, 503, 400]
    desk.decide(notice(1))
    assert desk.round(4) == {"waiting": 1}
    assert desk.round(4 + 24 * 60) == {"failed": 1}
    desk.decide(notice(2))
    desk.receiver.answers = [400]
    assert desk.round(5) == {"failed": 1}
    errors = {d["notice"]["id"]: d["delivery"].get("error") for d in desk.deliveries()}
    assert errors == {"notice-0": None, "notice-1": "given up: HTTP 503", "notice-2": "HTTP 400"}


def test_a_page_that_one_channel_refuses_goes_to_the_other(cluster, receiver):
    """A ticket does not."""
    text = """notify:
  channels:
    wrong: {kind: webhook, url: "env:HOOK", key: "env:WRONG_KEY"}
    hook: {kind: webhook, url: "env:HOOK", key: "env:HOOK_KEY"}
  routes: [{to: wrong}]
"""
    desk = Desk(cluster, receiver, text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WRONG_KEY", "another")
        desk.decide(notice(0, Severity.TICKET), notice(1))
        assert desk.round() == {"failed": 2}
        assert desk.round() == {"sent": 1}
    assert desk.receiver.keys == ["notice-1"]


def test_beyond_a_cap_nothing_is_lost(cluster, receiver):
    """Told that there is more, and at the end of the hour what it was."""
    desk = Desk(cluster, receiver, WEBHOOK % ", cap: {notices: 2, per: 1h}")
    desk.decide(*(notice(number) for number in range(5)))
    assert desk.round() == {"sent": 3}
    desk.decide(notice(5))
    assert desk.round(1) == {}
    assert [told["notice"]["telling"] for _, told in desk.receiver.told].count("overflow") == 1
    assert desk.round(30) == {"sent": 1}
    _, last = desk.receiver.told[-1]
    assert last["notice"]["telling"] == "digest"
    titles = {told["message"] for _, told in desk.receiver.told}
    titles |= {item["title"] for item in last["notice"]["document"]["items"]}
    assert {f"m: moved: f{number}" for number in range(6)} <= titles


def test_a_digest_is_told_at_its_time(desk):
    """Once a day, all in one."""
    desk.decide(notice(0, Severity.DIGEST), notice(1, Severity.DIGEST))
    assert desk.round() == {}
    assert desk.round(19.4 * 60) == {}
    assert desk.round(19.5 * 60) == {"sent": 1}
    assert desk.round(19.6 * 60) == {}
    ((_, told),) = desk.receiver.told
    assert len(told["notice"]["document"]["items"]) == 2


def test_what_another_analyzer_is_sending_is_left_alone(desk):
    """Until its lease is over: it may have died."""
    desk.decide(notice())
    desk.receiver.answers = [503]
    desk.round()
    (document,) = desk.deliveries()
    state = document["delivery"] | {"state": "sending", "next": iso(NOW + 2 * MINUTE)}
    index = desk.cluster.streams.alerts
    action = {"index": {"_index": index, "_id": document["event"]["id"]}}
    desk.cluster.write([orjson.dumps(action), orjson.dumps(document | {"delivery": state})])
    assert desk.round(1) == {}
    assert desk.round(2) == {"sent": 1}


def test_without_a_channel_nothing_is_lost_and_old_news_is_told_to_nobody(desk, cluster, receiver):
    """Notices stay until there is one; what was decided a day before is suppressed then."""
    desk.decide(notice())
    assert Desk(cluster, receiver, "").round() == {}
    assert desk.round(25 * 60) == {}
    assert [d["delivery"]["state"] for d in desk.deliveries()] == ["suppressed"]
    assert desk.receiver.told == []


def test_killed_at_any_step_each_notice_is_told_once(desk, tmp_path, elasticsearch_url, client, streams):
    """SIGKILL before each call that leaves the process, one after the other; who honours the key is told once.

    One notice is sent, one is held beyond the cap, which is told, and comes in the digest at the end of the hour.
    """
    (tmp_path / "monitors.yml").write_text(MODEL + WEBHOOK % ", cap: {notices: 1, per: 1h}")

    def analyzer(minutes: float, kill_at: int = 0) -> bool:
        command = [sys.executable, str(CHILD), elasticsearch_url, streams.namespace, str(tmp_path / "monitors.yml")]
        now = (NOW + minutes * MINUTE).isoformat()
        return subprocess.run([*command, now, str(kill_at)], check=False, capture_output=True).returncode != 0

    posts, step, killed = [], 0, True
    while killed:
        step += 1
        client.indices.delete(index=streams.alerts, ignore_unavailable=True)
        desk.receiver.told.clear()
        desk.decide(notice(0), notice(1))
        killed = analyzer(0, step)
        assert not analyzer(3)
        killed |= analyzer(31, step)
        assert not analyzer(34)
        told = {document["notice"]["telling"]: document for _, document in desk.receiver.told}
        assert set(told) == {"opened", "overflow", "digest"}, f"killed at step {step}"
        assert len(set(desk.receiver.keys)) == 3, f"killed at step {step}"
        (item,) = told["digest"]["notice"]["document"]["items"]
        assert {item["title"], told["opened"]["message"]} == {"m: moved: f0", "m: moved: f1"}
        states = Counter(d["delivery"]["state"] for d in desk.deliveries())
        assert states == {"sent": 3, "collected": 1}, f"killed at step {step}"
        posts.append(len(desk.receiver.keys))
        assert step < 60
    assert step > 15, "there are more steps than that"
    assert max(posts) > 3, "killed between sending and noting it, one is sent again, under the same key"


def test_nothing_of_an_incident_overtakes_what_was_not_taken_yet(desk):
    """That it is over is told after that it is on, also where both were decided at once, and one is tried again."""
    both = (notice(0), replace(notice(0, telling=Telling.RESOLVED), id="a-recovery"))
    desk.decide(*both)
    desk.receiver.answers = [503]
    assert desk.round() == {"waiting": 1}
    assert desk.round(0.1) == {}
    assert desk.round(1) == {"sent": 2}
    assert desk.receiver.keys == ["notice-0", "a-recovery"]


def test_a_page_goes_over_the_other_channels_after_three_tries(cluster, receiver, monkeypatch):
    """And over its own, once that is there again."""
    monkeypatch.setenv("AWAY", "http://127.0.0.1:9/away")
    text = """notify:
  channels:
    away: {kind: webhook, url: "env:AWAY"}
    hook: {kind: webhook, url: "env:HOOK", key: "env:HOOK_KEY"}
  routes: [{to: away}]
"""
    desk = Desk(cluster, receiver, text)
    desk.decide(notice())
    for minutes in (0, 1, 3):
        assert desk.round(minutes) == {"waiting": 1}
    assert desk.round(3.1) == {"sent": 1}
    assert desk.receiver.keys == ["notice-0"]


def test_each_turn_of_the_schedule_sends(desk, cluster):
    """What was decided, also where there is nothing to analyse."""
    desk.decide(replace(notice(), decided=datetime.now(UTC)))
    configuration = monitors.parse(MODEL + WEBHOOK % "", namespace=cluster.streams.namespace)
    scheduler.turn(cluster, configuration, timedelta(days=1), threading.Event())
    assert desk.receiver.keys == ["notice-0"]


def test_secrets_are_in_no_document_and_in_no_line(desk, caplog, cluster):
    """Addresses with tokens, keys: neither when it works nor when it fails, nor for who debugs."""
    caplog.set_level("DEBUG")
    desk.receiver.answers = [500, 400]
    desk.decide(notice(0), notice(1), notice(2))
    desk.round()
    desk.round(2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOOK", "http://127.0.0.1:9/canary-of-an-address")
        desk.decide(notice(3))
        done = send_notices(cluster, desk.notify, NOW + 4 * MINUTE)
    assert done.errors
    cluster.refresh(cluster.streams.alerts)
    hits = cluster.search(cluster.streams.alerts, {"size": 1_000})["hits"]["hits"]
    assert len(hits) == 8
    assert b"canary" not in orjson.dumps(hits)
    assert "canary" not in "".join(done.errors)
    assert "canary" not in caplog.text
