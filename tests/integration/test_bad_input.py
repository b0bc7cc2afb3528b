"""What users get wrong: a clear line, an exit code, nothing lost, no traceback."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from synthetic import EPOCH, documents, sample

from driftline.analyzers.windows import iso
from driftline.cli import main
from driftline.ingest.events import Prediction, Source, Task

GOOD = "models: [{name: m, task: regression, window: 1d}]"


def run(*arguments: str, **options: Any) -> Result:
    """Run the command line; whatever escapes it fails the test."""
    return CliRunner().invoke(main, arguments, catch_exceptions=False, **options)


def config(folder: Path, text: str) -> str:
    """A monitors.yml with this text."""
    file = folder / "monitors.yml"
    file.write_text(text)
    return str(file)


def one_line(result: Result, code: int, *parts: str) -> None:
    """The error is one clear line with these parts."""
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    for part in parts:
        assert part in result.stderr


def test_a_missing_and_an_unreadable_configuration(tmp_path):
    """File and reason are named; exit code 2."""
    one_line(run("analyze", "--config", str(tmp_path / "no.yml")), 2, "no.yml", "cannot be read", "driftline init")
    one_line(run("analyze", "--config", config(tmp_path, "models: [")), 2, "monitors.yml: line 1", "not valid YAML")


def test_an_unknown_measure_and_an_unknown_model(tmp_path):
    """What is allowed is listed; exit code 2."""
    text = "models: [{name: m, task: regression, window: 1d, measures: {rocauc: {}}}]"
    one_line(run("analyze", "--config", config(tmp_path, text)), 2, "measures.rocauc: unknown 'rocauc'", "rmse")
    one_line(run("analyze", "--config", config(tmp_path, GOOD), "--model", "x"), 2, "--model: got 'x', allowed: m")


def test_a_cluster_that_is_down_and_an_address_that_is_none(tmp_path):
    """Where it was looked for is named; exit codes 1 and 2."""
    file = config(tmp_path, GOOD)
    for command in (["analyze", "--config", file], ["setup"], ["metrics"], ["predictions"], ["alerts", "list"]):
        result = run(*command, "--url", "http://127.0.0.1:9")
        one_line(result, 1, "http://127.0.0.1:9 cannot be reached", "driftline status")
    one_line(run("setup", "--url", "nonsense"), 2, "got 'nonsense' as the address of Elasticsearch, allowed: http://")


def test_a_model_without_data(tmp_path, elasticsearch_url, streams):
    """No predictions at all is said, and is no failure; an empty reference period is one."""
    file = config(tmp_path, GOOD)
    result = run("analyze", "--config", file, "--namespace", streams.namespace, "--url", elasticsearch_url)
    assert result.exit_code == 0
    assert "m: no complete window of predictions found" in result.output
    text = "models: [{name: m, task: regression, window: 1d, reference: {start: 2020-01-01, end: 2020-02-01}}]"
    arguments = ("analyze", "--config", config(tmp_path, text), "--namespace", streams.namespace)
    one_line(run(*arguments, "--url", elasticsearch_url), 1, "model 'm' has no predictions in its reference period")


def test_a_window_without_outcomes(ship, analyze, metrics, streams):
    """Performance is not known then, which is not the same as good; drift is known all the same."""
    found = sample(Task.BINARY, 600, days=2)
    ship([d for d in documents(found, streams.namespace) if "prediction" in d])
    analyze(
        "models: [{name: m, task: binary, positive_class: 'yes', window: 1d, "
        f"reference: {{start: {iso(EPOCH)}, end: {iso(EPOCH + timedelta(days=1))}}}}}]"
    )
    second = iso(EPOCH + timedelta(days=1))
    for name in ("accuracy", "recall", "roc_auc", "log_loss", "base_rate"):
        metric = metrics()[name, None, None, "1d", second]["metric"]
        assert metric["status"] == "insufficient_data", name
        assert "value" not in metric
    assert metrics()["psi", "amount", None, "1d", second]["metric"]["status"] == "ok"
    assert metrics()["label_coverage", None, None, "1d", second]["metric"]["value"] == 0.0


def test_a_feature_that_is_a_number_today_and_text_tomorrow(ship, analyze, metrics, client, streams):
    """The prediction is stored whole; the feature counts as missing, which is found."""
    days = [
        Prediction(
            model="m",
            task="regression",
            id=f"{day}-{i}",
            value=float(i),
            timestamp=EPOCH + timedelta(days=day, minutes=i),
            features={"x": float(i) if day == 0 or i % 2 else "n/a", "word": i if i % 2 else "w"},
        )
        for day in range(2)
        for i in range(100)
    ]
    ship(prediction.to_document(Source(namespace=streams.namespace)) for prediction in days)
    client.indices.refresh(index=streams.predictions)
    assert client.count(index=streams.predictions)["count"] == 200
    hit = client.search(index=streams.predictions, query={"term": {"event.id": "1-0"}})["hits"]["hits"][0]
    assert hit["_source"]["features"]["x"] == "n/a"
    assert hit["_ignored"] == ["features.x"]
    analyze(
        "models: [{name: m, task: regression, window: 1d, "
        f"reference: {{start: {iso(EPOCH)}, end: {iso(EPOCH + timedelta(days=1))}}}}}]"
    )
    metric = metrics()["missing_rate", "x", None, "1d", iso(EPOCH + timedelta(days=1))]["metric"]
    assert (metric["value"], metric["status"]) == (0.5, "critical")


def test_more_features_than_fields_allowed_lose_no_prediction(ship, client, streams):
    """Beyond the field limit features stay in the document and are not indexed; nothing is refused."""
    wide = Prediction(model="m", task="regression", value=1.0, id="wide", features={f"f{i}": i for i in range(3_000)})
    ship([wide.to_document(Source(namespace=streams.namespace))])
    client.indices.refresh(index=streams.predictions)
    hit = client.search(index=streams.predictions)["hits"]["hits"][0]
    assert len(hit["_source"]["features"]) == 3_000
    assert hit["_ignored"]


def test_a_feature_in_the_configuration_that_the_data_does_not_have(tmp_path, ship, elasticsearch_url, streams):
    """It is said, and the rest is analysed."""
    ship(documents(sample(Task.REGRESSION, 200), streams.namespace))
    text = (
        "models: [{name: m, task: regression, window: 1d, features: {amount: numeric, size: numeric, "
        "colour: numeric}, reference: {start: 2024-01-01, end: 2024-01-02}}]"
    )
    arguments = ("analyze", "--config", config(tmp_path, text), "--namespace", streams.namespace)
    result = run(*arguments, "--url", elasticsearch_url)
    assert result.exit_code == 0
    assert "note: feature 'size' is numeric in monitors.yml, and no numeric feature of that name" in result.output
    assert "note: feature 'colour' is numeric" in result.output
    assert "m: 1 windows analysed" in result.output


@pytest.mark.parametrize("arguments", [["--help"], ["analyze", "--help"], ["predictions", "--help"], ["nonsense"]])
def test_help_teaches_and_unknown_commands_are_usage_errors(arguments):
    """Every command explains itself."""
    result = run(*arguments)
    assert result.exit_code == (2 if arguments == ["nonsense"] else 0)
    assert "Traceback" not in result.output
