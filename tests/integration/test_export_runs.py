"""Exported rules and watches ask the real Elasticsearch: they speak while something is wrong, and only then."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

import numpy as np
import orjson
import pytest
from synthetic import EPOCH
from watching import of_rule, of_watch, rendered

from driftline.analyzers import monitors, pipeline
from driftline.analyzers.alerts.export import conditions, files
from driftline.analyzers.windows import iso
from driftline.ingest.dead_letters import dead_letter
from driftline.ingest.events import Prediction, Source

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
QUIET, ROWS = 20, 120
FAULT = range(23, 27)
"""Hours in which a feature is off, a third of the predictions fails, and all take long."""
STOP = range(32, 35)
"""Hours without predictions."""
IDLE = range(38, 41)
"""Hours at whose end nothing is analysed."""
END = 42
SLUG = conditions.slug('shop "1"') + "-"
MONITORS = f"""
models:
  - name: shop "1"
    task: regression
    window: 1h
    reference: {{start: {iso(EPOCH)}, end: {iso(EPOCH + QUIET * HOUR)}}}
    features: {{amount: numeric}}
    measures: {{wasserstein: {{}}, error_rate: {{}}, throughput: {{}}, latency_p50: {{critical: {{above: 500000000}}}}}}
    alarm: {{fire: 2 of 2, clear: 2}}
"""


def documents(namespace):
    """Predictions hour by hour."""
    source = Source("s", "1", "test", namespace)
    for hour in sorted(set(range(END)) - set(STOP)):
        rng = np.random.default_rng(hour)
        for row in range(ROWS):
            broken = hour in FAULT
            failed = row % 3 == 0 if broken else row == 0
            yield Prediction(
                model='shop "1"',
                task="regression",
                version="1",
                id=f"{hour}-{row}",
                timestamp=EPOCH + timedelta(hours=hour, seconds=30 * row),
                value=None if failed else float(rng.normal()),
                error="down" if failed else None,
                duration=1.0 if broken else 0.1,
                features={"amount": float(rng.normal(6.0 if broken else 0.0, 1))},
            ).to_document(source)


def of_hour(hour, minutes=0):
    """A time."""
    return EPOCH + timedelta(hours=hour, minutes=minutes)


def test_each_speaks_while_something_is_wrong_and_only_then(ship, client, cluster):
    """Hour by hour, as a scheduler does: before, in and after a fault, a standstill, and an analyzer that stops."""
    namespace = cluster.streams.namespace
    configuration = monitors.parse(MONITORS, namespace=namespace)
    made = files.export(configuration)
    lines = {condition.id: condition.line for condition in conditions.conditions(configuration)}
    ship(documents(namespace))
    spoke, told = defaultdict(list), defaultdict(set)
    for hour in range(QUIET, END):
        if hour not in IDLE:
            pipeline.analyze(cluster, configuration, of_hour(hour + 1, 5))
        cluster.refresh(cluster.streams.metrics, cluster.streams.alerts)
        for identity, rule in made.rules.items():
            seen = of_rule(client, rule, of_hour(hour + 1, 6))
            watched, stored = of_watch(client, identity, made.watches[identity], of_hour(hour + 1, 6))
            # One definition, one answer, and a document for each of its groups.
            assert watched.groups == seen.groups == {document["labels"]["group"] for document in stored}
            what = identity.removeprefix(f"driftline-{namespace}-").removeprefix(SLUG)
            if seen.groups:
                spoke[what].append(hour)
                told[what] |= seen.groups | {rendered(lines[identity], hit) for hit in seen.hits}
    late = [hour for hour in IDLE if hour > IDLE[0]]
    assert spoke == {
        # Opened at the end of the first bad hour, over with the second calm one.
        "incident-page": [*FAULT, FAULT[-1] + 1, *STOP[1:], STOP[-1] + 1],
        # A verdict is looked at for a window and a little more.
        "critical": [*FAULT, FAULT[-1] + 1, *STOP[1:], STOP[-1] + 1],
        "warning": [FAULT[-1] + 1, FAULT[-1] + 2, STOP[-1] + 1, STOP[-1] + 2],
        "slow": [*FAULT],
        # By the end of the last hour they are back.
        "stopped": [*STOP[:-1]],
        # An hour and a half after the last analysis.
        "silent": late,
    }
    assert {group for group in told["critical"] if " " not in group} == {
        "error_rate", "latency_p50", "throughput", "wasserstein",
    }  # fmt: skip
    assert any(line.startswith("wasserstein of amount is 6.") for line in told["critical"])
    assert any(line.startswith('shop "1": Share of failed predictions 0.33') for line in told["incident-page"])


@pytest.fixture
def made(cluster):
    """What is exported, by the last part of the id."""
    found = files.export(monitors.parse(MONITORS, namespace=cluster.streams.namespace))
    head = f"driftline-{cluster.streams.namespace}-"
    return {
        identity.removeprefix(head).removeprefix(SLUG): (identity, rule, found.watches[identity])
        for identity, rule in found.rules.items()
    }


def speaking(client, made, now):
    """What has something to say at some time, rules and watches alike."""
    by_rules = {what for what, (_, rule, _) in made.items() if of_rule(client, rule, now).groups}
    by_watches = {what for what, (name, _, watch) in made.items() if of_watch(client, name, watch, now)[0].groups}
    assert by_rules == by_watches
    return by_rules


def test_where_nothing_is_yet_only_silence_is_told(client, made):
    """Indices that are not there are empty, and no error."""
    assert speaking(client, made, of_hour(0)) == {"silent", "stopped"}


def test_a_storm_is_as_many_alerts_as_there_are_measures(client, cluster, made):
    """3,000 features fire at once: one alert, and some of them to look at."""
    lines = []
    for number in range(3_000):
        document = {
            "@timestamp": iso(of_hour(1)),
            "model": {"name": 'shop "1"', "version": "1"},
            "window": {"start": iso(of_hour(1)), "end": iso(of_hour(2)), "size": "1h"},
            "feature": {"name": f"f{number}"},
            "metric": {"name": "wasserstein", "alarm": "firing", "status": "critical", "judged": iso(of_hour(2))},
        }
        others = [
            {"model": {"name": "other", "version": "1"}},
            {"window": {"size": "1d"}},
            {"metric": {**document["metric"], "name": "psi", "alarm": "pending"}},
            {"metric": {**document["metric"], "name": "mean", "judged": iso(of_hour(0))}},
        ]
        for one in (document, *(document | other for other in others if number < 3)):
            lines += [orjson.dumps({"index": {"_index": cluster.streams.metrics}}), orjson.dumps(one)]
    cluster.write(lines)
    cluster.refresh(cluster.streams.metrics)
    identity, rule, watch = made["critical"]
    seen = of_rule(client, rule, of_hour(2, 1))
    assert seen.groups == {"wasserstein"}
    assert len(seen.hits) == rule["params"]["size"] == 5
    assert len(of_watch(client, identity, watch, of_hour(2, 1))[1]) == 1
    assert "warning" not in speaking(client, made, of_hour(2, 1))


def test_an_incident_of_which_nothing_is_heard_is_not_over(client, cluster, made):
    """It speaks until it is resolved, each severity in its own rule."""

    def write(**incident):
        body = {
            "@timestamp": iso(of_hour(0)),
            "event": {"dataset": "driftline.incident", "id": "i"},
            "model": {"name": 'shop "1"'},
            "incident": {"id": "i", **incident},
        }
        cluster.write([orjson.dumps({"index": {"_index": cluster.streams.alerts, "_id": "i"}}), orjson.dumps(body)])
        cluster.refresh(cluster.streams.alerts)
        return speaking(client, made, of_hour(24 * 30)) - {"silent", "stopped"}

    assert write(state="firing", severity="digest") == set()
    assert write(state="firing", severity="ticket") == {"incident-ticket"}
    assert write(state="unknown", severity="page") == {"incident-page"}
    assert write(state="resolved", severity="page") == set()


def test_dead_letters_are_told_for_an_hour(client, cluster, made):
    """Nobody has to look for them."""
    letter = dead_letter({"model": {"name": "m"}}, "no timestamp", "ValueError", Source("s", namespace="x"))
    now = datetime.fromisoformat(letter["@timestamp"])
    assert "dead-letters" not in speaking(client, made, now + MINUTE)
    client.index(index=cluster.streams.deadletter, document=letter, op_type="create", refresh=True)
    assert "dead-letters" in speaking(client, made, now + MINUTE)
    assert "dead-letters" not in speaking(client, made, now + 2 * HOUR)
    assert [hit["_source"]["event"]["reason"] for hit in of_rule(client, made["dead-letters"][1], now).hits] == [
        "no timestamp"
    ]


def test_what_they_say_is_stored_where_it_can_be_searched(client, cluster, made):
    """The documents of both go to one data stream, which takes them."""
    identity, rule, watch = made["stopped"]
    (of_watcher,) = of_watch(client, identity, watch, of_hour(0))[1]
    (connector,) = [
        body["config"]
        for body in files.export(monitors.parse(MONITORS, namespace=cluster.streams.namespace)).connectors.values()
        if body["connector_type_id"] == ".index"
    ]
    index = watch["actions"]["store"]["index"]
    assert index == {"index": connector["index"], "op_type": "create"}
    of_kibana = [
        {**document, connector["executionTimeField"]: iso(of_hour(1))}
        for action in rule["actions"]
        for document in action["params"].get("documents", ())
    ]
    for document in (of_watcher, *of_kibana):
        client.index(index=index["index"], document=document, op_type="create", refresh=True)
    query = {"bool": {"filter": [{"term": {"model.name": 'shop "1"'}}, {"term": {"rule.category": "page"}}]}}
    found = client.search(index=index["index"], query=query, sort=["@timestamp", "event.action"])["hits"]["hits"]
    assert [hit["_source"]["event"]["action"] for hit in found] == ["fired", "fired", "recovered"]
    assert all(hit["_index"].startswith(".ds-") for hit in found)
    assert found[0]["_source"]["rule"]["id"] == identity
