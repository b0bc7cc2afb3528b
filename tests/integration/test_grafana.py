"""Every search that Grafana's dashboards make, on a real Elasticsearch with judged windows."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import os
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import graphing
import httpx
import inspecting
import pytest
from graphing import Period
from synthetic import EPOCH, documents, sample

from driftline.analyzers import monitors, pipeline
from driftline.analyzers.cluster import Cluster
from driftline.analyzers.windows import iso
from driftline.ingest.events import Change, Source, Task
from driftline.ingest.shipper import Shipper
from driftline.ingest.streams import Streams

DAY = timedelta(days=1)
QUIET, BROKEN = 10, 3
MONITORS = f"""
models:
  - name: m
    task: binary
    positive_class: "yes"
    window: 1d
    rollups: [week]
    reference: {{start: {iso(EPOCH)}, end: {iso(EPOCH + QUIET * DAY)}}}
    segments: [region]
    features: {{amount: numeric, hour: numeric, colour: categorical}}
"""


@dataclass(frozen=True)
class Judged:
    """Judged windows: where and when, their sizes, and what the largest show: what moved most, when it was worst."""

    namespace: str
    period: Period
    sizes: tuple[str, ...]
    moved: str
    worst: datetime


GIVEN = "DRIFTLINE_TEST_JUDGED"
"""In the environment: namespace, first and last day, what moved most, when the model was worst, and sizes of windows,
such as `demo 2013-01-01 2014-01-01 temp 2013-10-01 1d week month`."""


@pytest.fixture(scope="module")
def judged(client, elasticsearch_url):
    """A model that breaks after ten quiet days; or what the environment names, which is only read."""
    if given := os.environ.get(GIVEN):
        namespace, since, until, moved, worst, *sizes = given.split()
        days = [datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (since, until, worst)]
        yield Judged(namespace, Period(days[0], days[1]), tuple(sizes), moved, days[2])
        return
    streams = Streams(f"t{uuid.uuid4().hex[:12]}")
    broken = EPOCH + QUIET * DAY
    quiet = sample(Task.BINARY, 200 * QUIET, days=QUIET)
    fault = sample(Task.BINARY, 200 * BROKEN, seed=1, shift=1.5, days=BROKEN, start=broken)
    change = Change(action="model-deployed", message="1.1", model="m", timestamp=broken)
    with Shipper(elasticsearch_url, namespace=streams.namespace, block=True, max_age=0.05) as shipper:
        events = (documents(found, streams.namespace) for found in (quiet, fault))
        for document in (*itertools.chain(*events), change.to_document(Source("s", namespace=streams.namespace))):
            shipper.send(document)
        assert shipper.flush(60)
    cluster = Cluster(client, streams)
    pipeline.analyze(cluster, monitors.parse(MONITORS, namespace=streams.namespace), EPOCH + 100 * DAY)
    for index in (streams.metrics, streams.alerts):
        cluster.refresh(index)
    week = EPOCH + timedelta(weeks=1)
    yield Judged(streams.namespace, Period(EPOCH - DAY, broken + (BROKEN + 1) * DAY), ("1d", "week"), "amount", week)
    for index in client.indices.get(index=f"driftline-*-{streams.namespace}"):
        client.indices.delete(index=index)


@pytest.fixture(scope="module")
def ask(elasticsearch_url):
    """Send a search as Grafana does."""
    with httpx.Client(base_url=elasticsearch_url, timeout=60) as http:

        def send(index, body):
            head = {"search_type": "query_then_fetch", "ignore_unavailable": True, "index": index}
            lines = f"{json.dumps(head)}\n{json.dumps(body)}\n"
            kind = {"content-type": "application/x-ndjson"}
            for _ in range(50):
                answer = http.post("/_msearch?max_concurrent_shard_requests=5", content=lines, headers=kind).json()
                answer = answer if "error" in answer else answer["responses"][0]
                if "no_shard_available" not in graphing.failure(answer):
                    break
                # Indices of other tests on this cluster match the pattern, too, and come and go.
                time.sleep(0.1)
            return answer

        yield send


@pytest.fixture(scope="module")
def fields(client):
    """Look up the fields of an index, and whether they can be aggregated."""

    @functools.cache
    def look_up(index):
        found = client.field_caps(index=index, fields="*", allow_no_indices=True)["fields"]
        return {name: all(kind["aggregatable"] for kind in kinds.values()) for name, kinds in found.items()}

    return look_up


@pytest.fixture
def problems(judged, ask, fields):
    """Say what is wrong with a dashboard, in one text."""

    def look(dashboard, **chosen):
        sources = inspecting.provisioned_sources()
        chosen = {"namespace": judged.namespace} | chosen
        return "\n".join(inspecting.answers(dashboard, sources, ask, fields, judged.period, chosen))

    return look


@pytest.fixture
def answer(judged, ask):
    """What Elasticsearch answers to a panel's first target."""

    def send(uid, title, **chosen):
        dashboard, sources = inspecting.shipped()[uid], inspecting.provisioned_sources()
        indices = {uid: source.index for uid, source in sources.items()}
        chosen = {"namespace": judged.namespace} | chosen
        found = graphing.values(dashboard, indices, ask, judged.period, chosen)
        (panel,) = [one for one in inspecting.panels(dashboard) if one["title"] == title]
        (target, *_) = panel["targets"]
        return ask(indices[target["datasource"]["uid"]], graphing.search(target, found, judged.period))

    return send


@pytest.mark.parametrize("uid", inspecting.shipped())
def test_every_panel_has_something_to_show(problems, judged, uid):
    """No error, no field that is not mapped or cannot be aggregated, no empty panel, for windows of each size."""
    for size in judged.sizes:
        assert problems(inspecting.shipped()[uid], size=size) == ""


def test_a_segment_can_be_chosen(problems, judged, ask):
    """Of the whole model as of one segment, drift has values."""
    dashboard = inspecting.shipped()["driftline-drift"]
    indices = {uid: source.index for uid, source in inspecting.provisioned_sources().items()}
    found = graphing.values(dashboard, indices, ask, judged.period, {"namespace": judged.namespace})
    assert found["segment"].raw == "(*:* AND NOT _exists_:segment.name)"
    segments = found["segment"].values
    assert len(segments) > 1
    assert problems(dashboard, segment=segments[0]) == ""


def test_all_is_the_whole_model_and_not_the_sum_of_its_segments(answer):
    """The whole model has as many metrics of a measure as one of its segments has: none of them is counted with it."""
    segments = answer("driftline-performance", "$measure, by $dimension")["aggregations"]["10"]["buckets"]
    assert len(segments) > 1
    name = segments[0]["key"]
    whole, one = (answer("driftline-drift", "$measure, by feature", **chosen) for chosen in ({}, {"segment": name}))
    assert whole["hits"]["total"]["value"] == one["hits"]["total"]["value"] > 0


def test_the_drift_dashboard_names_what_moved(answer, judged):
    """The first row of the movers is the feature that broke."""
    chosen = {"measure": "wasserstein", "size": judged.sizes[-1]}
    found = answer("driftline-drift", "What moved most, by $measure", **chosen)
    assert found["aggregations"]["10"]["buckets"][0]["key"] == judged.moved


def test_the_performance_dashboard_shows_when_it_was_worst(answer, judged):
    """The lowest ROC-AUC is in the window in which the model was worst."""
    chosen = {"measure": "roc_auc", "size": judged.sizes[-1]}
    found = answer("driftline-performance", "$measure, by version", **chosen)
    steps = [step for step in found["aggregations"]["10"]["buckets"][0]["90"]["buckets"] if step["doc_count"]]
    worst = min(steps, key=lambda step: step["1"]["value"])
    assert datetime.fromtimestamp(worst["key"] / 1000, UTC) == judged.worst


def target(dashboard, title):
    """The first target of a panel."""
    (panel,) = [one for one in inspecting.panels(dashboard) if one["title"] == title]
    return panel["targets"][0]


def _query(dashboard, title, text, instead):
    found = target(dashboard, title)
    assert text in found["query"]
    found["query"] = found["query"].replace(text, instead)


def _unmapped_in_query(drift):
    _query(drift, "$measure, by feature", "metric.name:", "measure.name:")


def _unmapped_bucket(drift):
    target(drift, "$measure, by feature")["bucketAggs"][0]["field"] = "feature"


def _unmapped_metric(drift):
    target(drift, "$measure, by feature")["metrics"][0]["field"] = "metric.val"


def _not_aggregatable(drift):
    target(drift, "$measure, by feature")["bucketAggs"][0]["field"] = "metric.cause.text"


def _mean_of_words(drift):
    target(drift, "$measure of $feature, by version")["metrics"][0]["field"] = "metric.status"


def _not_lucene(drift):
    _query(drift, "$measure, by feature", " AND metric.name:$measure", " AND (metric.name:$measure")


def _unknown_aggregation(drift):
    target(drift, "$measure, by feature")["metrics"][0]["type"] = "mean"


def _finds_nothing(drift):
    _query(drift, "$measure, by feature", "metric.name:$measure", "metric.name:psi_of_all")


def _excludes_all(drift):
    _query(drift, "$measure, by feature", "(*:* AND NOT _exists_:segment.name)", "NOT _exists_:segment.name")


def _never_filled(drift):
    target(drift, "$measure of $feature, by version")["metrics"][0]["field"] = "metric.grade_error"


def _other_index(drift):
    target(drift, "$measure, by feature")["datasource"]["uid"] = "driftline-changes"


def _nothing_to_choose_from(drift):
    (variable,) = [one for one in drift["templating"]["list"] if one["name"] == "measure"]
    variable["query"] = variable["query"].replace("metric.family:drift", "metric.family:drifts")


def _broken_variable(drift):
    (variable,) = [one for one in drift["templating"]["list"] if one["name"] == "measure"]
    variable["query"] = variable["query"].replace("metric.family:drift", "metric.family:(")


def _unmapped_annotation(drift):
    drift["annotations"]["list"][0]["textField"] = "text"


MUTATIONS = {
    _unmapped_in_query: "measure.name is not mapped",
    _unmapped_bucket: "feature cannot be aggregated",
    _unmapped_metric: "metric.val is not mapped",
    _not_aggregatable: "metric.cause.text cannot be aggregated",
    _mean_of_words: "is not supported for aggregation [avg]",
    _not_lucene: "Failed to parse query",
    _unknown_aggregation: "Unknown aggregation type [mean]",
    _finds_nothing: "$measure, by feature, A: is empty",
    _excludes_all: "$measure, by feature, A: is empty",
    _never_filled: "has no value of metric 1",
    _other_index: "feature.name is not mapped",
    _nothing_to_choose_from: "variable measure: nothing to choose from",
    _broken_variable: "variable measure: ",
    _unmapped_annotation: "Changes: text is not mapped",
}
"""Ways to break the drift dashboard, and what is then said."""


@pytest.mark.parametrize("break_it", MUTATIONS, ids=lambda function: function.__name__)
def test_what_is_broken_is_noticed(problems, break_it):
    """One change, and the answers of Elasticsearch give it away."""
    dashboard = copy.deepcopy(inspecting.shipped()["driftline-drift"])
    break_it(dashboard)
    assert MUTATIONS[break_it] in problems(dashboard)
