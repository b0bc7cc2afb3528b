"""However the data arrives and however often it is analysed, the metrics are those of a batch over everything."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from synthetic import EPOCH, documents, sample

from driftline.analyzers import monitors, pipeline
from driftline.analyzers.cluster import Cluster
from driftline.analyzers.outcomes import Joined
from driftline.analyzers.profiles import history
from driftline.analyzers.windows import iso
from driftline.ingest.events import Outcome, Source, Task

DAYS = 6
MONITORS = f"""
models:
  - name: m
    task: binary
    positive_class: "yes"
    window: 1d
    rollups: [week]
    lateness: 1h
    reference: {{start: {iso(EPOCH)}, end: {iso(EPOCH + timedelta(days=2))}}}
    segments: [region]
    measures: {{accuracy: {{}}, roc_auc: {{}}, log_loss: {{}}, psi: {{}}, label_coverage: {{}}}}
"""


STEPS = MONITORS.replace("name: m", "name: steps")
"""The same for a second model, whose predictions are the same and arrive otherwise."""


def renamed(some: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same events of the second model."""
    found = []
    for document in some:
        event = {**document["event"], "id": f"steps-{document['event']['id']}"}
        model = {"model": {**document["model"], "name": "steps"}} if "prediction" in document else {}
        found.append({**document, "event": event, **model})
    return found


def identity(document: dict[str, Any]) -> str:
    """What tells events apart."""
    return f"{document['event']['dataset']}/{document['event']['id']}"


@pytest.fixture(scope="module")
def found():
    """Six days of a binary model."""
    return sample(Task.BINARY, 1_200, seed=5, days=DAYS)


def final(metrics: dict[tuple[Any, ...], dict[str, Any]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What the metrics say in the end, without how they came to it."""
    said = (
        "value",
        "lower",
        "upper",
        "p_value",
        "q_value",
        "status",
        "sample_size",
        "reference_size",
        "label_coverage",
    )
    return {key: tuple(found["metric"].get(name) for name in said) for key, found in metrics.items()}


def assert_same(found: dict[Any, tuple[Any, ...]], expected: dict[Any, tuple[Any, ...]]) -> None:
    """Equal up to the order in which sums were added."""
    assert found.keys() == expected.keys()
    for key, values in found.items():
        for value, wanted in zip(values, expected[key], strict=True):
            assert value == (pytest.approx(wanted, rel=1e-9) if isinstance(wanted, float) else wanted), key


def stored(cluster: Cluster) -> dict[str, int]:
    """The version of every result document: it counts writes."""
    names = f"{cluster.streams.metrics},{cluster.streams.profiles}"
    cluster.refresh(cluster.streams.metrics, cluster.streams.profiles)
    hits = cluster.client.search(index=names, size=10_000, version=True, source=False)["hits"]["hits"]
    return {f"{hit['_index']}/{hit['_id']}": hit["_version"] for hit in hits}


@pytest.fixture
def at_once(found, ship, analyze, metrics, streams):
    """The metrics of one analysis of everything."""
    ship(documents(found, streams.namespace))
    analyze(MONITORS)
    return final(metrics("m"))


def test_a_second_analysis_changes_no_document(at_once, analyze, cluster):
    """Nothing new, nothing written; not even when the windows are measured once more."""
    before = stored(cluster)
    (summary,) = analyze(MONITORS)
    assert (summary.windows, summary.analysed) == (DAYS, 0)
    assert stored(cluster) == before
    assert at_once


def test_measuring_again_writes_the_same_metrics(at_once, analyze, cluster, metrics):
    """When profiles are lost, all is counted again, and no metric document changes."""
    versions = {key: version for key, version in stored(cluster).items() if "metrics" in key}
    window = {"term": {"kind": "window"}}
    cluster.client.delete_by_query(index=cluster.streams.profiles, query=window, refresh=True)
    (summary,) = analyze(MONITORS)
    assert summary.analysed == DAYS + 1
    assert {key: version for key, version in stored(cluster).items() if "metrics" in key} == versions
    assert_same(final(metrics("m")), at_once)


def test_daily_steps_end_where_one_go_ends(at_once, found, ship, analyze, metrics, streams):
    """Analysed after each day, with what had arrived by then, the last state is that of one analysis."""
    assert at_once
    everything = documents(found, streams.namespace)
    arrived: set[str] = set()
    for day in range(1, DAYS + 8):
        now = EPOCH + timedelta(days=day, hours=1)
        fresh = [d for d in everything if d["@timestamp"] <= iso(now) and identity(d) not in arrived]
        arrived |= {identity(d) for d in fresh}
        ship(renamed(fresh))
        analyze(STEPS, now=now)
    assert_same(final(metrics("steps")), at_once)


def test_outcomes_in_random_order_after_the_first_analysis(found, ship, analyze, metrics, streams):
    """Late outcomes restate: in any order, in pieces, with repeats, the end is the same."""
    everything = documents(found, streams.namespace)
    made = [d for d in everything if "prediction" in d]
    came = [d for d in everything if "outcome" in d]
    ship(everything)
    analyze(MONITORS)
    expected = final(metrics("m"))
    ship(renamed(made))
    analyze(STEPS)
    early = metrics("steps")
    unlabelled = early["accuracy", None, None, "1d", iso(EPOCH)]["metric"]
    assert unlabelled["status"] == "insufficient_data"
    assert "value" not in unlabelled
    random.Random(3).shuffle(came)
    for part in range(4):
        ship(renamed([*came[part::4], *came[:50]]))
        analyze(STEPS)
    late = metrics("steps")
    assert_same(final(late), expected)
    coverage = late["label_coverage", None, None, "1d", iso(EPOCH)]["metric"]
    assert coverage["initial_value"] == 0.0
    assert coverage["revision"] >= 2


def test_only_windows_that_got_something_are_done_again(at_once, found, ship, analyze, cluster, streams):
    """A corrected outcome touches its own window and the larger ones around it, and no others."""
    assert at_once
    before = stored(cluster)
    third = next(i for i, at in enumerate(found.times) if at >= EPOCH + timedelta(days=3) and found.actual[i])
    corrected = Outcome(
        id=found.ids[third],
        label="no" if found.actual[third] == "yes" else "yes",
        timestamp=EPOCH + timedelta(days=40),
    )
    ship([corrected.to_document(Source(namespace=streams.namespace))])
    (summary,) = analyze(MONITORS)
    assert summary.analysed == 2
    changed = {key for key, version in stored(cluster).items() if before.get(key) != version}
    touched = cluster.client.mget(docs=[{"_index": key.split("/")[0], "_id": key.split("/")[1]} for key in changed])[
        "docs"
    ]
    starts = {doc["_source"]["window"]["start"] for doc in touched}
    assert starts == {iso(EPOCH + timedelta(days=3)), iso(EPOCH)}
    assert {doc["_source"]["window"]["size"] for doc in touched} == {"1d", "week"}


def test_an_outcome_that_comes_before_its_prediction_waits_for_it(found, ship, analyze, streams, cluster):
    """Early outcomes are not lost: they are joined when the prediction is there."""
    everything = documents(found, streams.namespace)
    ship([d for d in everything if "outcome" in d])
    analyze(MONITORS.replace("reference:", "# reference:"))
    ship([d for d in everything if "prediction" in d])
    joined, _ = pipeline.analyze(cluster, parsed(MONITORS, cluster), EPOCH + timedelta(days=30))
    assert joined.joined == int(found.labelled.sum())
    again, _ = pipeline.analyze(cluster, parsed(MONITORS, cluster), EPOCH + timedelta(days=30))
    assert (again.joined, again.pending) == (0, 0)


def test_an_outcome_without_a_prediction_becomes_an_orphan_and_is_tried_again_on_request(found, ship, streams, cluster):
    """After thirty days of waiting it is set aside; asked to, the join finds its prediction after all."""
    everything = documents(found, streams.namespace)
    outcome = next(d for d in everything if "outcome" in d)
    rest = [d for d in everything if d["event"]["id"] != outcome["event"]["id"]]
    ship([*rest, outcome])
    configuration = parsed(MONITORS, cluster)
    soon, later = datetime.now(UTC), datetime.now(UTC) + timedelta(days=31)
    assert pipeline.analyze(cluster, configuration, soon)[0].pending == 1
    assert pipeline.analyze(cluster, configuration, later)[0].orphans == 1
    assert pipeline.analyze(cluster, configuration, later)[0] == Joined()
    ship([d for d in everything if "prediction" in d and d["event"]["id"] == outcome["event"]["id"]])
    assert pipeline.analyze(cluster, configuration, later, retry_orphans=True)[0].joined == 1


def test_a_window_without_predictions_is_a_finding(found, ship, analyze, metrics, streams):
    """Between two windows with traffic, a silent one has no metrics but a throughput of zero, and that is critical."""
    quiet = EPOCH + timedelta(days=4)
    keep = [
        d
        for d in documents(found, streams.namespace)
        if "prediction" in d and not iso(quiet) <= d["@timestamp"] < iso(quiet + timedelta(days=1))
    ]
    ship(keep)
    analyze(MONITORS.replace("psi: {}", "psi: {}, throughput: {}"))
    found_metrics = metrics("m")
    silent = found_metrics["throughput", None, None, "1d", iso(quiet)]["metric"]
    assert (silent["value"], silent["status"]) == (0.0, "critical")
    assert found_metrics["psi", "amount", None, "1d", iso(quiet)]["metric"]["status"] == "insufficient_data"


def test_a_window_is_counted_in_one_search_and_judged_without_one(found, ship, cluster, streams):
    """Whatever the traffic: a search and a write to count it, and a write to judge it from what is stored."""
    ship(documents(found, streams.namespace))
    configuration = parsed(MONITORS.replace("rollups: [week]", "labels: {delay: 1h}"), cluster)
    pipeline.analyze(cluster, configuration, EPOCH + timedelta(days=2, hours=2))
    calls: list[tuple[str, str]] = []
    client = cluster.client
    original = client.transport.perform_request

    def counted(method: str, target: str, **options: Any) -> Any:
        calls.append((method, target.partition("?")[0]))
        return original(method, target, **options)

    client.transport.perform_request = counted  # type: ignore[method-assign]
    try:
        (summary,) = pipeline.analyze(cluster, configuration, EPOCH + timedelta(days=30))[1]
    finally:
        del client.transport.perform_request
    assert summary.analysed == DAYS - 2
    targets = [target for _, target in calls]
    writes = [position for position, target in enumerate(targets) if target == "/_bulk"]
    assert len(writes) == 2 * (DAYS - 2)
    counting = targets[writes[0] - 1 : writes[DAYS - 3] + 1]
    assert counting == [f"/{streams.predictions}/_search", "/_bulk"] * (DAYS - 2)
    assert f"/{streams.predictions}/_search" not in targets[writes[DAYS - 3] :]


def parsed(text: str, cluster: Cluster):
    """The configuration in this test's namespace."""
    return monitors.parse(text, namespace=cluster.streams.namespace)


def test_where_the_bucket_limit_asks_for_it_segments_are_counted_in_parts(
    at_once, found, ship, analyze, metrics, monkeypatch
):
    """Counted in several searches, the metrics are the same."""
    monkeypatch.setattr(history, "MAX_BUCKETS", 5_000)
    ship(renamed(documents(found, "default")))
    analyze(STEPS)
    assert_same(final(metrics("steps")), at_once)
