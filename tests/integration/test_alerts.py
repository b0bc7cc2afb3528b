"""Alerts, incidents and notices on a real Elasticsearch, from metrics that are written as they are needed."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from click.testing import CliRunner

from driftline.analyzers import monitors
from driftline.analyzers.alerts import documents, evaluate
from driftline.analyzers.alerts.lifecycle import Horizon
from driftline.analyzers.cluster import Cluster, StoreError
from driftline.analyzers.firing import Level, Rule, alarms
from driftline.analyzers.profiles.store import document_id
from driftline.analyzers.windows import WindowSize, iso
from driftline.cli import main

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WORDS = {"s": Level.SEVERE, "b": Level.BAD, "-": Level.BETWEEN, "c": Level.CALM, "?": Level.UNKNOWN}
KINDS = ("driftline.alert", "driftline.incident", "driftline.notice", "driftline.silence")
MODEL = monitors.parse("models: [{name: churn, task: binary, positive_class: leaves, window: 1d}]").models[0]


def _gather(_incident, _alerts):
    """Evidence."""
    return {"checked": ["recall"]}


class World:
    """A monitoring index to write to, and evaluations of it."""

    def __init__(self, cluster: Cluster, model: monitors.Model = MODEL) -> None:
        self.cluster = cluster
        self.model = model
        self.last = 0

    def write(self, measure: str, levels: str, feature: str | None = None, **metric) -> None:
        """One series of daily metrics, a letter a day, as the judge writes it."""
        self.last = max(self.last, len(levels))
        lines = []
        for day, (sign, alarm) in enumerate(zip(levels, alarms((WORDS[s] for s in levels), Rule()), strict=True)):
            start, end = iso(START + day * DAY), iso(START + (day + 1) * DAY)
            found = {"name": measure, "value": 0.5, "reference_value": 0.1, "status": "critical", "sample_size": 100}
            document = {
                "@timestamp": start,
                "model": {"name": "churn", "version": "1"},
                "window": {"start": start, "end": end, "size": "1d"},
                "metric": found | {"level": WORDS[sign].value, "alarm": alarm.value} | metric,
            }
            if feature is not None:
                document["feature"] = {"name": feature}
            identity = document_id(measure, feature, start)
            lines += [orjson.dumps({"index": {"_index": self.cluster.streams.metrics, "_id": identity}})]
            lines += [orjson.dumps(document)]
        self.cluster.write(lines)
        self.cluster.refresh(self.cluster.streams.metrics)

    def turn(self, days: float | None = None, since: int | None = 0) -> evaluate.Outcome:
        """An evaluation after so many days; windows from the day given on have changed."""
        now = START + (self.last if days is None else days) * DAY
        end = START + self.last * DAY
        horizon = Horizon(WindowSize("1d"), self.model.alarm, timedelta(0), now, end, lambda _: end)
        changed = [evaluate.Changed(horizon, None if since is None else START + since * DAY)]
        return evaluate.evaluate(self.cluster, self.model, changed, now, _gather)

    def stored(self, dataset: str) -> list[dict]:
        """All documents of a kind."""
        self.cluster.refresh(self.cluster.streams.alerts)
        return list(self.cluster.alerting(dataset, {"match_all": {}}))

    def state(self) -> dict[str, dict]:
        """All that is stored, by id."""
        return {document["event"]["id"]: document for kind in KINDS for document in self.stored(kind)}

    def told(self) -> list[str]:
        """What people were told, in order."""
        return [document["notice"]["telling"] for document in self.stored("driftline.notice")]


@pytest.fixture
def world(cluster):
    """An empty one."""
    return World(cluster)


def test_an_incident_from_its_first_bad_window_to_its_end(world):
    """Pending, firing, resolved; two series, one incident, one notice of each thing."""
    world.write("psi", "cb", "age")
    world.turn()
    assert [(d["alert"]["state"], "incident" in d["alert"]) for d in world.stored("driftline.alert")] == [
        ("pending", False)
    ]
    world.write("psi", "cbb", "age")
    world.write("recall", "ccs")
    (incident,) = world.turn().incidents
    assert (incident.state, incident.kind, dict(incident.alerts)) == (
        "firing",
        "feature",
        {"feature": 1, "performance": 1},
    )
    assert incident.evidence == {"checked": ["recall"]}
    world.write("psi", "cbbccc", "age")
    world.write("recall", "ccsccc")
    (incident,) = world.turn().incidents
    assert (incident.state, incident.until) == ("resolved", START + 6 * DAY)
    assert world.turn().incidents[0].state == "resolved"
    assert world.told() == ["opened", "resolved"]


def test_an_incident_waits_before_it_pages_and_its_document_says_what_it_is(cluster):
    """A broken promise would page at once: with a wait it is a ticket first, and a severe one is not kept."""
    text = "models: [{name: churn, task: binary, positive_class: leaves, window: 1d, wait: {page: 5d}}]"
    world = World(cluster, monitors.parse(text).models[0])
    world.write("objective_burn_rate", "ccbb", feature="fast")
    world.turn()
    (incident,) = world.stored("driftline.incident")
    assert (incident["incident"]["severity"], incident["incident"]["severe"]) == ("page", False)
    world.turn(days=7.5, since=None)
    severities = [(n["notice"]["telling"], n["notice"]["severity"]) for n in world.stored("driftline.notice")]
    assert severities[:2] == [("opened", "ticket"), ("escalated", "page")]


def test_what_came_to_nothing_leaves_nothing(world):
    """A pending alert that never fired is forgotten."""
    world.write("psi", "cb", "age")
    world.turn()
    world.write("psi", "cbccc", "age")
    world.turn()
    assert world.state() == {}


def test_turn_by_turn_is_the_same_as_at_once(world, streams, client):
    """Alerts and incidents do not depend on how often one looks."""
    age, recall = "cbbccccbbbb--bbccc", "cccsbbcccccccccccc"
    for day in range(2, len(age) + 1):
        world.write("psi", age[:day], "age")
        world.write("recall", recall[:day])
        world.turn(since=day - 1)
    stepwise = {kind: world.stored(kind) for kind in KINDS[:2]}
    client.indices.delete(index=streams.alerts)
    world.turn(since=0)
    assert {kind: world.stored(kind) for kind in KINDS[:2]} == stepwise
    assert len(stepwise["driftline.incident"]) == 1
    assert {d["alert"]["flaps"] for d in stepwise["driftline.alert"]} == {0, 1}


def test_late_data_takes_an_alert_back(world):
    """What was restated to be harmless is retracted, and said to be over."""
    world.write("recall", "cbb")
    world.turn()
    world.write("recall", "c--c")
    world.turn(since=1)
    (alert,) = world.stored("driftline.alert")
    assert (alert["alert"]["state"], alert["alert"]["resolution"]) == ("resolved", "retracted")
    assert world.told() == ["opened", "resolved"]


def test_no_news_is_unknown_and_then_over(world):
    """A model of which nothing is heard is not well; one that is gone is not ill."""
    world.write("recall", "cbb")
    world.turn()
    assert [i.state for i in world.turn(8, since=None).incidents] == ["unknown"]
    assert [(i.state, i.resolution) for i in world.turn(40, since=None).incidents] == [("resolved", "retired")]


def test_a_standstill_is_an_incident_until_predictions_come_again(world):
    """No window is there to be judged, so the silence itself is; what the gap then shows goes on with it."""
    world.write("throughput", "ccc", value=1.0, reference_value=1.0)
    assert world.turn(6, since=None).incidents == []
    (incident,) = world.turn(7, since=None).incidents
    assert (incident.kind, incident.severity, incident.since) == ("ingest", "page", START + 3 * DAY)
    assert world.turn(8, since=None).incidents[0].id == incident.id
    world.write("throughput", "ccc" + "bbbbb" + "c", value=0.0, reference_value=1.0)
    assert [(i.id, i.state) for i in world.turn(since=3).incidents] == [(incident.id, "firing")]
    world.write("throughput", "ccc" + "bbbbb" + "ccc", value=1.0, reference_value=1.0)
    assert [(i.id, i.state) for i in world.turn(since=8).incidents] == [(incident.id, "resolved")]
    assert Counter(world.told()) == {"opened": 1, "reminder": 2, "resolved": 1}


def test_a_storm_is_one_incident_and_nothing_of_it_is_lost(world, client, streams):
    """Two thousand series at once."""
    for part in range(20):
        for number in range(100):
            world.write("psi", "cbb", f"feature-{part}-{number}")
    found = world.turn()
    assert len(found.incidents) == len(found.sayings) == 1
    query = {"bool": {"filter": [{"term": {"event.dataset": "driftline.alert"}}, {"term": {"alert.state": "firing"}}]}}
    assert client.count(index=streams.alerts, query=query)["count"] == 2_000


class Failing(Cluster):
    """A cluster that is gone at the n-th write, as if the process had been killed there."""

    left = 0

    def _bulk(self, operations):
        if operations:
            type(self).left -= 1
            if type(self).left < 0:
                msg = "killed"
                raise StoreError(msg)
        return super()._bulk(operations)


def test_whoever_is_killed_at_any_write_tells_everything_once(world, cluster, streams, client):
    """At each write in turn: the next evaluation ends in what one without interruption ends in."""
    scenes = (("cbb", "ccc"), ("cbbccc", "cccsbb"), ("cbbcccc", "cccsbbccc"))
    expected = _played(world, scenes)
    for at in range(1, 12):
        client.indices.delete(index=f"{streams.alerts},{streams.metrics}")
        interrupted = World(Failing(cluster.client, cluster.streams))
        Failing.left = 10**9
        assert _played(interrupted, scenes, kill_at=at) == expected, f"killed at write {at}"


def _played(world: World, scenes, kill_at: int | None = None) -> dict:
    """What is stored after all turns; each that fails is done again."""
    killed = 0
    world.last = 0
    for age, recall in scenes:
        world.write("psi", age, "age")
        world.write("recall", recall)
        while True:
            if kill_at is not None and not killed:
                Failing.left = kill_at - 1
            try:
                world.turn()
                if kill_at is not None and not killed:
                    kill_at = Failing.left + 1
                break
            except StoreError:
                killed += 1
            finally:
                Failing.left = 10**9
    return world.state()


class TestCommands:
    """`driftline alerts ...`."""

    @pytest.fixture
    def run(self, streams):
        """Run one in this test's namespace."""

        def call(*arguments: str):
            return CliRunner().invoke(main, ["alerts", *arguments, "--namespace", streams.namespace])

        return call

    @pytest.fixture
    def incident(self, world):
        """An incident that is on, and costs a fifth of all predictions."""
        world.write("psi", "cbb", "age")
        world.write("recall", "ccs")
        world.write("accuracy", "ccc", value=0.7, reference_value=0.9, status="ok")
        world.write("throughput", "ccc", value=0.01, reference_value=0.01, status="ok")
        (found,) = world.turn().incidents
        assert found.severity == "page"
        return found

    def forget(self, world):
        """As if nobody had acknowledged anything."""
        query = {"term": {"event.dataset": documents.ACKNOWLEDGEMENT}}
        world.cluster.client.delete_by_query(index=world.cluster.streams.alerts, query=query, refresh=True)

    def test_the_list_shows_what_is_on(self, run, world, incident):
        """The worst first; what is over only when asked for."""
        lines = run("list").stdout.splitlines()
        row = dict(zip(*(line.split("\t") for line in lines), strict=True))
        assert (row["state"], row["kind"], row["alerts"], row["what"]) == ("firing", "feature", "2", "moved: age")
        assert incident.id.startswith(row["id"])
        assert json.loads(run("list", "--json").stdout)["incident"]["id"] == incident.id
        world.write("psi", "cbbccc", "age")
        world.write("recall", "ccsccc")
        world.turn()
        assert run("list").stdout.splitlines() == lines[:1]
        assert len(run("list", "--all", "--model", "churn").stdout.splitlines()) == 2
        assert len(run("list", "--all", "--since", "2026-04-01").stdout.splitlines()) == 1

    def test_one_is_shown_with_its_alerts(self, run, incident):
        """By the beginning of its id."""
        result = run("show", incident.id[:8])
        assert "explained by: Population stability index of age" in result.stdout
        assert "looked at and fine: recall" in result.stdout
        assert "psi\tage" in result.stdout
        found = json.loads(run("show", incident.id, "--json").stdout)
        assert [notice["telling"] for notice in found["notices"]] == ["opened"]

    @pytest.mark.parametrize("command", [("show",), ("ack",), ("silence", "--for", "1h", "--reason", "r")])
    def test_an_id_that_is_none_is_refused(self, run, incident, command):
        """One line, exit code 2."""
        assert incident
        for wrong, told in (("ffffffff", "is none"), ("ab", "allowed: an id, or its first 4 characters")):
            result = run(*command, wrong)
            assert result.exit_code == 2
            assert told in result.stderr
            assert len(result.stderr.splitlines()) == 1

    def test_who_looks_after_it_is_not_reminded(self, run, world, incident):
        """Others are, after four hours."""
        assert run("ack", incident.id, "--by", "ada", "--note", "rolling back").exit_code == 0
        world.turn(4, since=None)
        assert world.told() == ["opened"]
        assert "ada looks after it: rolling back" in run("show", incident.id).stdout
        self.forget(world)
        world.turn(4, since=None)
        assert Counter(world.told()) == {"opened": 1, "reminder": 1}

    def test_a_silence_holds_until_it_is_taken_back(self, run, world, incident):
        """What it kept back is told afterwards."""
        now = (datetime.now(UTC) - START) / DAY
        made = run("silence", incident.id, "--for", "7d", "--reason", "known", "--by", "ada")
        assert made.exit_code == 0
        world.last = int(now) - 1
        world.turn(now + 0.5, since=None)
        assert world.told() == ["opened"]
        listed = run("list", "--silences").stdout
        assert "ada" in listed
        assert "known" in listed
        assert run("unsilence", made.stdout.strip()).exit_code == 0
        assert "no silence" in run("list", "--silences").stderr
        world.turn(now + 1, since=None)
        assert Counter(world.told()) == {"opened": 1, "reminder": 1}

    def test_a_silence_of_an_incident_ends_with_it(self, run, world, incident):
        """A silence that outlives its reason would hide the next one."""
        run("silence", incident.id, "--for", "7d", "--reason", "known")
        now = (datetime.now(UTC) - START) / DAY
        world.last = 3
        world.turn(now, since=None)
        (silence,) = world.stored("driftline.silence")
        assert silence["silence"]["ended_by"] == "recovery"

    def test_a_silence_of_nothing_is_refused(self, run):
        """It would silence everything."""
        result = run("silence", "--for", "1h", "--reason", "r")
        assert result.exit_code == 2
        assert "--feature" in result.stderr
        assert "allowed: a length" in run("silence", "--model", "m", "--for", "soon", "--reason", "r").stderr

    def test_feedback_makes_the_precision_of_a_rule(self, run, world, incident):
        """What is said last of an incident counts."""
        run("feedback", incident.id, "noise", "--by", "ada")
        run("feedback", incident.id, "useful", "--by", "bob")
        found = json.loads(run("list", "--precision", "--json").stdout)
        assert (found["rule"], found["useful"], found["noise"], found["precision"]) == ("psi", 1, 0, 1.0)
        assert run("list", "--precision").stdout.splitlines()[1].startswith("churn\tpsi\t1\t0\t0\t1.00")
        world.cluster.refresh(world.cluster.streams.metrics)
        arguments = [
            "metrics",
            "--measure",
            "alert_precision",
            "--json",
            "--namespace",
            world.cluster.streams.namespace,
        ]
        metric = json.loads(CliRunner().invoke(main, arguments).stdout)
        assert metric["feature"]["name"] == "psi"
        assert (metric["metric"]["value"], metric["metric"]["sample_size"]) == (1.0, 1)
        assert metric["metric"]["lower"] < 0.3


def test_fields_of_all_documents_are_mapped(world, client, streams):
    """What can be asked for by field is found by it."""
    world.write("psi", "cbb", "age")
    (incident,) = world.turn().incidents
    for name, value in {
        "event.dataset": documents.INCIDENT,
        "incident.id": incident.id,
        "incident.kind": "feature",
        "incident.state": "firing",
        "incident.severity": "digest",
        "alert.incident": incident.id,
        "notice.incident": incident.id,
        "notice.state": "decided",
    }.items():
        assert client.count(index=streams.alerts, query={"term": {name: value}})["count"] == 1, name
