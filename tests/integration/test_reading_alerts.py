"""What is wrong now, and since when, from metrics that are written as they are needed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from click.testing import CliRunner

from driftline.analyzers.reading import search
from driftline.cli import main

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
LETTERS = {"o": "ok", "w": "warning", "c": "critical", "?": "insufficient_data"}


@pytest.fixture
def write(cluster):
    """Write one series of daily metrics: a letter of its verdict a day."""

    def send(verdicts, measure="recall", feature=None, segment=None, version="1", size="1d"):
        lines = []
        for day, letter in enumerate(verdicts):
            start = (FIRST + timedelta(days=day)).isoformat()
            document = {
                "@timestamp": start,
                "model": {"name": "churn", "version": version},
                "window": {"start": start, "end": (FIRST + timedelta(days=day + 1)).isoformat(), "size": size},
                "metric": {"name": measure, "status": LETTERS[letter], "sample_size": 100 + day, "value": day / 10},
            }
            # As the judge has it: a threshold on what was judged, none where it could not be.
            if letter != "?":
                document["metric"] |= {"threshold": 0.5, "reference_value": 0.7}
            if feature:
                document["feature"] = {"name": feature}
            if segment:
                document["segment"] = {"name": segment[0], "value": segment[1]}
            lines += [orjson.dumps({"index": {"_index": cluster.streams.metrics}}), orjson.dumps(document)]
        cluster.write(lines)
        cluster.refresh(cluster.streams.metrics)

    return send


@pytest.fixture
def standing(cluster):
    """The alerts, each as (first day, windows, unknown, status)."""

    def read(**options):
        found = search.alerts(cluster, search.Filter(**options))
        return [
            (datetime.fromisoformat(a.since).day, a.windows, a.unknown, a.metric["metric"]["status"]) for a in found
        ]

    return read


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ("ooo", []),
        ("owo", []),
        ("???", []),
        ("o??", []),
        ("oow", [(3, 1, 0, "warning")]),
        ("cww", [(1, 3, 0, "warning")]),
        ("wocc", [(3, 2, 0, "critical")]),
        ("ow?w", [(2, 2, 1, "warning")]),
        ("owc??", [(2, 2, 2, "critical")]),
        ("w?o?c", [(5, 1, 0, "critical")]),
        ("o?c?w", [(3, 2, 1, "warning")]),
    ],
)
def test_a_series_is_wrong_from_its_first_bad_window_to_its_next_good_one(write, standing, verdicts, expected):
    """A window that could not be judged ends nothing and proves nothing: it is counted as unknown."""
    write(verdicts)
    assert expected == standing()


def test_the_same_measure_of_another_version_feature_or_window_is_another_series(write, standing):
    """One that is well again says nothing about its neighbours."""
    write("wo", "psi", "age")
    write("ow", "psi", "income")
    write("ww", "psi", "income", version="2")
    write("oc", "psi", "income", size="week")
    assert standing() == [(2, 1, 0, "critical"), (1, 2, 0, "warning"), (2, 1, 0, "warning")]


def test_critical_comes_first_and_the_whole_model_before_its_features(write, cluster):
    """The order of what to look at: critical, the whole model, the longest."""
    write("oow", "recall")
    write("owc", "psi", "age")
    write("ccc", "psi", "income")
    write("ooc", "log_loss")
    found = search.alerts(cluster, search.Filter())
    names = [(a.metric["metric"]["name"], a.metric.get("feature", {}).get("name")) for a in found]
    assert names == [("log_loss", None), ("psi", "income"), ("psi", "age"), ("recall", None)]


def test_segments_are_told_when_asked_for(write, cluster):
    """Segments repeat what all predictions tell, so they wait for the question."""
    write("ow", segment=("region", "north"))
    assert search.alerts(cluster, search.Filter()) == []
    (alert,) = search.alerts(cluster, search.Filter(), segments=True)
    assert alert.metric["segment"] == {"name": "region", "value": "north"}


def test_the_past_can_be_asked(write, standing):
    """`until` tells what was wrong then, not what came after."""
    write("owwo")
    assert standing() == []
    assert standing(until=FIRST + timedelta(days=3)) == [(2, 2, 0, "warning")]


def test_more_series_than_a_page_are_all_found(write, cluster, monkeypatch):
    """Series come page by page; none is lost between two."""
    monkeypatch.setattr(search, "PAGE_OF_SERIES", 3)
    for number in range(7):
        write("ow" if number % 2 else "oo", "psi", f"feature{number}")
    found = {alert.metric["feature"]["name"] for alert in search.alerts(cluster, search.Filter())}
    assert {"feature1", "feature3", "feature5"} == found


class TestCommand:
    """`driftline alerts`."""

    def run(self, *arguments):
        """Run it."""
        return CliRunner().invoke(main, ["alerts", *arguments])

    def test_it_prints_a_line_a_series(self, write, namespace):
        """Piped, the table is lines of tabs: the verdict, since when, what was measured, and against what."""
        write("ow?c")
        result = self.run("--namespace", namespace)
        header, line = result.stdout.splitlines()
        row = dict(zip(header.split("\t"), line.split("\t"), strict=True))
        assert (row["status"], row["windows"], row["measure"]) == ("critical", "2 (+1 unknown)", "recall")
        assert (row["since"], row["latest"]) == ("2026-03-02 00:00", "2026-03-04 00:00")
        assert (row["value"], row["threshold"], row["reference"], row["n"]) == ("0.3", "0.5", "0.7", "103")
        assert result.exit_code == 0

    def test_machines_read_json_lines(self, write, namespace):
        """Each line is the latest metric, with since when and how many windows."""
        write("oww")
        (line,) = self.run("--namespace", namespace, "--json").stdout.splitlines()
        alert = json.loads(line)
        assert (alert["since"], alert["windows"], alert["unknown"]) == ("2026-03-02T00:00:00.000Z", 2, 0)
        assert alert["metric"]["value"] == 0.2

    def test_all_well_is_said(self, write, namespace):
        """Nothing wrong is an answer: exit code 0 and one line that says so."""
        write("oo")
        result = self.run("--namespace", namespace)
        assert result.exit_code == 0
        assert f"nothing is warning or critical in driftline-metrics-{namespace}" in result.stderr

    def test_what_was_left_out_is_said(self, write, namespace):
        """A limit is never silent."""
        write("ow", "recall")
        write("ow", "precision")
        assert "1 of 2" in self.run("--namespace", namespace, "--limit", "1").stderr
