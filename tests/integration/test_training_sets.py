"""A training set as reference, on a real cluster: what is counted in memory is what the cluster would have counted."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import numpy as np
import orjson
import pytest
from click.testing import CliRunner
from synthetic import EPOCH, documents, sample

from driftline.analyzers import references
from driftline.analyzers.monitors import parse
from driftline.analyzers.profiles.history import History
from driftline.analyzers.training import stored
from driftline.analyzers.training.learn import learn
from driftline.analyzers.training.table import Table, read
from driftline.analyzers.windows import Window, iso
from driftline.cli import main
from driftline.ingest.events import Task
from driftline.ingest.sources.mapping import parse as mapping_of

DAY = timedelta(days=1)
PERIOD = Window(EPOCH, EPOCH + 3 * DAY)
CURRENT = EPOCH + 3 * DAY
MONITORS = """
models:
  - name: m
    task: binary
    positive_class: 'yes'
    window: 1d
    reference: {reference}
    segments: [region]
    labels: {{delay: 1d}}
    measures:
      {{psi: {{}}, log_loss: {{}}, concept_drift: {{}}, recall: {{}}, throughput: {{}}, label_coverage: {{}},
       latency_p95: {{}}, error_rate: {{}}}}
"""
FILE = MONITORS.format(reference="{kind: file}")
MAPPING = """
label: said
score: p
outcome: truth
features: [amount, hour, colour]
segments: [region]
"""


def write(path, found):
    """The rows of a sample as a table."""
    with path.open("w", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(["said", "p", "truth", "amount", "hour", "colour", "region"])
        for i in range(len(found.ids)):
            amount = "" if np.isnan(found.amount[i]) else repr(float(found.amount[i]))
            row = [found.label[i], repr(float(found.score[i])), found.actual[i] or "", amount, found.hour[i]]
            row += [found.colour[i] or "", found.region[i]]
            out.writerow(row)


@pytest.fixture
def store(tmp_path, monkeypatch, elasticsearch_url, streams):
    """Run `driftline reference` on a sample."""
    monkeypatch.chdir(tmp_path)
    Path("monitors.yml").write_text(FILE)
    Path("mapping.yml").write_text(MAPPING)

    def run(found, *options):
        write(Path("train.csv"), found)
        arguments = ["reference", "train.csv", "--mapping", "mapping.yml", "--namespace", streams.namespace, *options]
        done = CliRunner().invoke(main, [*arguments, "--url", elasticsearch_url], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def test_it_is_what_the_same_rows_would_be_as_a_fixed_period(store, ship, analyze, cluster, streams):
    """Bins and counts are those that the cluster makes of the same predictions, of all and of each segment."""
    found = sample(Task.BINARY, 3_000, seed=1, days=3)
    ship(documents(found, streams.namespace))
    analyze(MONITORS.format(reference=f"{{start: {iso(PERIOD.start)}, end: {iso(PERIOD.end)}}}"))
    told = orjson.loads(store(found, "--json"))
    assert (told["rows"], told["refused"], told["changed"]) == (3_000, 0, True)
    assert told["labelled"] == found.labelled.sum()
    (model,) = parse(FILE).models
    kept = stored.find(cluster, model)
    assert kept is not None
    assert kept.content == told["content"] == kept.learnt.content
    binning = kept.learnt.binning
    fixed = cluster.stored({"term": {"kind": "reference"}}, ["binning", "content"])
    content = next(iter(fixed))["_source"]["content"]
    counted = History(cluster, "m").reference(PERIOD, binning, content)
    assert counted.keys() == kept.learnt.profiles.keys() == {None, ("region", "north"), ("region", "south")}
    for segment, expected in counted.items():
        profile = kept.learnt.profiles[segment]
        for name in ("predictions", "labelled", "predicted", "confusion"):
            assert getattr(profile, name) == getattr(expected, name), name
        for name, counts in expected.numeric.items():
            assert (profile.numeric[name].counts == counts.counts).all()
            assert profile.numeric[name].missing == counts.missing
        assert (profile.categorical["colour"].counts == expected.categorical["colour"].counts).all()
        assert (profile.scores["yes"].counts == expected.scores["yes"].counts).all()
        for name, moments in expected.evaluations.items():
            assert profile.evaluations[name].count == moments.count
            assert profile.evaluations[name].sum == pytest.approx(moments.sum)


def test_windows_are_compared_with_it(store, ship, analyze, metrics, streams):
    """Drift and performance are judged, against sampling alone; how the service does is told and not compared."""
    store(sample(Task.BINARY, 4_000, seed=1))
    ship(documents(sample(Task.BINARY, 3_000, seed=2, shift=0.8, start=CURRENT), streams.namespace))
    (summary,) = analyze(FILE)
    assert any("no quiet windows to compare with" in note for note in summary.notes)
    assert any("the reference is the training set of 4,000 rows" in note for note in summary.notes)
    found = {key[:3]: metric for key, metric in metrics().items()}
    drift = found["psi", "amount", None]
    assert drift["reference"] == {"kind": "file"}
    assert drift["metric"]["status"] == "critical"
    assert drift["metric"]["reference_size"] > 3_000
    assert found["psi", "amount", "north"]["metric"]["status"] == "critical"
    assert "reference_value" in found["recall", None, None]["metric"]
    assert found["concept_drift", None, None]["reference"] == {"kind": "file"}
    for name in ("throughput", "label_coverage", "latency_p95", "error_rate"):
        metric = found[name, None, None]["metric"]
        assert (metric["status"], metric["reason"]) == ("insufficient_data", "reference"), name
        assert metric["reference_size"] == 0
        assert metric["value"] >= 0


def test_another_file_judges_anew_and_the_same_one_does_not(store, ship, analyze, cluster, streams):
    """The second one takes the place of the first, segments that it lacks included."""
    first = sample(Task.BINARY, 2_000, seed=1)
    store(first)
    ship(documents(sample(Task.BINARY, 1_000, seed=2, start=CURRENT, days=2), streams.namespace))
    assert analyze(FILE)[0].analysed == 2
    assert analyze(FILE)[0].analysed == 0
    assert "no window is judged anew" in store(first)
    assert analyze(FILE)[0].analysed == 0
    other = sample(Task.BINARY, 2_000, seed=3)
    other.region[:] = ["north"] * 2_000
    assert "it judges all windows anew" in store(other)
    assert analyze(FILE)[0].analysed == 2
    cluster.refresh(streams.profiles)
    kept = [hit["_source"] for hit in cluster.stored({"term": {"kind": "training"}}, ["segment", "content"])]
    assert len(kept) == 2
    assert len({hit["content"] for hit in kept}) == 1


def test_without_one_windows_are_measured_and_it_is_said_what_to_do(store, ship, analyze, metrics, streams):
    """Nothing fails, and what was measured is compared as soon as a training set is stored for the model as it is."""
    ship(documents(sample(Task.BINARY, 1_000, seed=2, start=CURRENT), streams.namespace))
    (summary,) = analyze(FILE)
    (note,) = [note for note in summary.notes if "training set" in note]
    assert "run `driftline reference FILE --model m`" in note
    assert all("reference" not in metric for metric in metrics().values())
    store(sample(Task.BINARY, 1_000, seed=1))
    assert analyze(FILE)[0].analysed == 1
    assert any("reference" in metric for metric in metrics().values())
    (summary,) = analyze(FILE.replace("segments: [region]", "segments: []"))
    assert any("run `driftline reference" in note for note in summary.notes)


def test_a_feature_that_is_logged_as_another_kind_is_left_out(ship, analyze, metrics, tmp_path, monkeypatch, streams,
                                                              elasticsearch_url):  # fmt: skip
    """A number here is a text there: that is said, and all else is compared."""
    monkeypatch.chdir(tmp_path)
    Path("monitors.yml").write_text(FILE)
    lines = ["amount,hour,colour,target", *(f"{n / 7},{n % 24},{n % 3},{n}" for n in range(500))]
    Path("t.csv").write_text("\n".join(lines))
    arguments = ["reference", "t.csv", "--namespace", streams.namespace, "--url", elasticsearch_url]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert "numeric features: amount, colour, hour, target" in done.stdout
    assert "segment 'region' is not in the file" in done.stdout
    ship(documents(sample(Task.BINARY, 500, seed=2, start=CURRENT), streams.namespace))
    (summary,) = analyze(FILE)
    told = "\n".join(summary.notes)
    assert "feature 'colour' of the training set is left out: numeric there, and in the predictions a text" in told
    assert "feature 'target' of the training set is left out: no prediction has it" in told
    assert {key[1] for key in metrics() if key[0] == "psi"} >= {"amount", "hour"}
    assert not {key[1] for key in metrics() if key[0] == "psi"} & {"colour", "target"}


def test_more_segments_than_a_page_holds(cluster, streams):
    """All of them are found again."""
    text = "models: [{name: m, task: regression, window: 1d, segments: [a, b, c], reference: {kind: file}}]"
    (model,) = parse(text).models
    mapping = mapping_of({"value": "v", "segments": ["a", "b", "c"]}, training=True)
    filled = Table(model)
    for number in range(500):
        parts = {name: f"{name}{number % 50}" for name in "abc"}
        filled.add(read(mapping, model, {"v": number} | parts))
    learnt = learn(filled, model)
    assert len(learnt.profiles) == 151
    assert stored.keep(cluster, model, learnt, iso(EPOCH))
    cluster.refresh(streams.profiles)
    assert stored.find(cluster, model).learnt.profiles.keys() == learnt.profiles.keys()
    assert not stored.keep(cluster, model, learnt, iso(EPOCH))
    assert references.resolve(cluster, History(cluster, "m"), model, EPOCH).kind == "file"
