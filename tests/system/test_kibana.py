"""What is shipped for Kibana, on the demo's data: every panel shows something, and a broken copy is caught."""

from __future__ import annotations

import copy
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from bundles import Copy
from click.testing import CliRunner
from kibana.check import __main__ as command
from kibana.check import asked, bundle, run, searches

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "kibana" / "driftline.ndjson"
PAGE = ROOT / "docs" / "how-to" / "check-dashboards.md"
PERIODS = (searches.Period("2013-01-01", "2013-05-02"), searches.Period("now-1y", "now"))


@pytest.fixture(scope="module")
def place(client, spring):
    """The demo's data."""
    return run.Place(client, spring.namespace)


def test_every_panel_shows_something(place, elasticsearch_url, monkeypatch):
    """The command finds nothing wrong, and says what it ran."""
    monkeypatch.setenv("ELASTICSEARCH_URL", elasticsearch_url)
    periods = [part for period in PERIODS for part in ("--period", period.since, period.until)]
    result = CliRunner().invoke(command.main, ["--namespace", place.namespace, *periods])
    assert result.exit_code == 0, result.output
    assert result.output.rstrip().endswith(" 0 findings")


def field_is_not_mapped(broken):
    """A metric of a field that there is not."""
    panel = broken.chart(operation="max")
    panel.column("max")["sourceField"] = "metric.valeu"
    return panel.where


def field_is_not_mapped_filter(broken):
    """A filter on a field that there is not: Kibana would show an empty panel and no error."""
    panel = broken.chart()
    panel.state["query"] = {"query": 'modell.name : "arrival-delay"', "language": "kuery"}
    return panel.where


def field_is_not_mapped_pill(broken):
    """The same, as a filter below the search bar."""
    panel = broken.chart()
    panel.state["filters"] = [{"meta": {"disabled": False}, "query": {"match_phrase": {"modell.name": "m"}}}]
    return panel.where


def field_is_not_mapped_column(broken):
    """A saved search shows a field that there is not."""
    search = broken.some("search")
    search["attributes"]["columns"].append("evaluation.loss")
    return f"search {search['attributes']['title']}"


def field_is_not_mapped_sort(broken):
    """A saved search sorts by a field that there is not."""
    search = broken.some("search")
    search["attributes"]["sort"] = [["evaluation.loss", "desc"]]
    return f"search {search['attributes']['title']}"


def field_is_not_mapped_time(broken):
    """A data view's time is in another field."""
    view = broken.some("index-pattern", lambda each: each["id"] == "driftline-metrics")
    view["attributes"]["timeFieldName"] = "timestamp"
    return _of_view(broken, view)


def field_is_not_mapped_view(broken):
    """A layer is of another data view than its fields."""
    panel = broken.chart(operation="max")
    for reference in (*panel.board["references"], *panel.lens["references"]):
        if reference["name"].startswith(f"{panel.whole['panelIndex']}:indexpattern-datasource-layer"):
            reference["id"] = "driftline-changes"
    return panel.where


def field_is_not_mapped_control(broken):
    """A control's field is in its own data view, but not in that of a panel, which every choice would empty."""
    board = broken.some("dashboard", _has_controls)
    controls = board["attributes"]["controlGroupInput"]["panelsJSON"]
    identity = next(iter(controls))
    controls[identity]["explicitInput"] |= {"fieldName": "prediction.score", "title": "Odd"}
    for reference in board["references"]:
        if reference["name"].startswith(f"controlGroup_{identity}:"):
            reference["id"] = "driftline-predictions"
    return f"{board['attributes']['title']} / control Odd"


def field_is_no_number(broken):
    """An average of names."""
    panel = broken.chart(operation="max")
    panel.column("max").update({"operationType": "average", "sourceField": "model.name"})
    return panel.where


def field_is_no_date(broken):
    """A chart over the time of names."""
    panel = broken.chart(operation="date_histogram")
    panel.column("date_histogram")["sourceField"] = "model.name"
    return panel.where


def field_cannot_be_aggregated(broken):
    """The values of a text."""
    panel = broken.chart(operation="terms")
    panel.column("terms")["sourceField"] = "message"
    for reference in panel.board["references"]:
        if reference["name"].startswith(f"{panel.whole['panelIndex']}:indexpattern-datasource-layer"):
            reference["id"] = "driftline-changes"
    return panel.where


def kql_cannot_be_read(broken):
    """A query that ends too early."""
    panel = broken.chart()
    panel.state["query"] = {"query": "model.name : (a or", "language": "kuery"}
    return panel.where


def language_of_query(broken):
    """A query whose fields the checker does not see."""
    panel = broken.chart()
    panel.state["query"] = {"query": "model.name:a", "language": "lucene"}
    return panel.where


def clause_of_query(broken):
    """A filter of a kind that the checker does not see into."""
    panel = broken.chart()
    panel.state["filters"] = [{"meta": {}, "query": {"script": {"script": "true"}}}]
    return panel.where


def nothing_is_found_query(broken):
    """A value that there is not."""
    panel = broken.chart()
    panel.state["query"] = {"query": 'model.name : "arrivals"', "language": "kuery"}
    return panel.where


def nothing_is_found_pill(broken):
    """A filter that lets nothing through, in another place."""
    panel = broken.chart()
    panel.configuration["filters"] = [{"meta": {"negate": True}, "query": {"exists": {"field": "@timestamp"}}}]
    return panel.where


def nothing_is_found_dashboard(broken):
    """A dashboard whose own query lets nothing through."""
    panel = broken.chart()
    source = panel.board["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"]
    source["query"] = {"query": "not @timestamp : *", "language": "kuery"}
    return panel.where


def nothing_is_found_control(broken):
    """A control that opens with a choice that there is not."""
    panel = broken.panel(lambda panel: _has_controls(panel.board) and panel.whole["type"] == "lens")
    controls = panel.board["attributes"]["controlGroupInput"]["panelsJSON"]
    next(iter(controls.values()))["explicitInput"].update({"selectedOptions": ["gone"], "fieldName": "model.name"})
    return panel.where


def indices_are_not_there(broken):
    """A data view of indices that are not there."""
    view = broken.some("index-pattern", lambda each: each["id"] == "driftline-metrics")
    view["attributes"]["title"] = "driftline-metric-*"
    return _of_view(broken, view)


def indices_of_data_view(broken):
    """A data view that cannot be narrowed to a namespace."""
    view = broken.some("index-pattern", lambda each: each["id"] == "driftline-metrics")
    view["attributes"]["title"] = "*"
    return _of_view(broken, view)


def column_is_empty(broken):
    """One line of several that never shows."""
    panel = broken.chart(operation="max")
    panel.column("max")["filter"] = {"query": 'metric.name : "gone"', "language": "kuery"}
    return panel.where


def column_counts_nothing(broken):
    """A status that there is not: the column would say 0 for ever, which looks well."""
    panel = broken.chart(operation="count")
    panel.column("count")["filter"] = {"query": 'metric.status : "critcal"', "language": "kuery"}
    return panel.where


def operation_of_column(broken):
    """A function that the checker does not know."""
    panel = broken.chart(operation="max")
    panel.column("max")["operationType"] = "moving_average"
    return panel.where


def operation_of_bucket(broken):
    """Buckets that the checker does not know."""
    panel = broken.chart(operation="terms")
    panel.column("terms")["operationType"] = "significant_terms"
    return panel.where


def time_shift_of_column(broken):
    """A comparison with last week, which the checker does not run."""
    panel = broken.chart(operation="max")
    panel.column("max")["timeShift"] = "1w"
    return panel.where


def order_of_terms(broken):
    """Values in the order of a column that is not there."""
    panel = broken.chart(operation="terms")
    panel.column("terms")["params"]["orderBy"] = {"type": "column", "columnId": "gone"}
    return panel.where


def fields_of_terms(broken):
    """Values of two fields together."""
    panel = broken.chart(operation="terms")
    panel.column("terms")["params"]["secondaryFields"] = ["model.version"]
    return panel.where


def interval_of_date_histogram(broken):
    """Weeks that no calendar has."""
    panel = broken.chart(operation="date_histogram")
    panel.column("date_histogram")["params"]["interval"] = "3w"
    return panel.where


def function_of_formula(broken):
    """A formula with a function that the checker does not know."""
    return _with_formula(broken, "moving_average(max(metric.value))")


def parts_of_formula(broken):
    """A formula without the columns that Kibana computes it from."""
    return _with_formula(broken, "max(metric.value) - min(metric.value)")


def field_is_not_mapped_annotation(broken):
    """An annotation that says a field that there is not."""
    panel = broken.panel(_annotated)
    _annotation(panel)["textField"] = "change.text"
    return panel.where


def nothing_is_found_annotation(broken):
    """An annotation of what never happens."""
    panel = broken.panel(_annotated)
    _annotation(panel)["filter"]["query"] = 'event.action : "gone"'
    return panel.where


def type_of_annotation(broken):
    """An annotation of a kind that the checker does not know."""
    panel = broken.panel(_annotated)
    _annotation(panel)["type"] = "anomalies"
    return panel.where


def _annotated(panel):
    return '"annotations"' in json.dumps(panel.configuration)


def _annotation(panel):
    layer = next(each for each in panel.visualization["layers"] if each["layerType"] == "annotations")
    return layer["annotations"][0]


def query_fails(broken):
    """A field computed by a script with an error in it."""
    panel = broken.chart()
    target = next(
        each["id"]
        for each in panel.board["references"]
        if each["name"].startswith(f"{panel.whole['panelIndex']}:indexp")
    )
    view = broken.some("index-pattern", lambda each: each["id"] == target)
    view["attributes"]["runtimeFieldMap"] = {"half": {"type": "double", "script": {"source": "emit(doc['half'"}}}
    panel.state["query"] = {"query": "half > 1 or not half : *", "language": "kuery"}
    return panel.where


def query_fails_data_view(broken):
    """A field computed by a script with an error in it, which no panel shows but Discover would."""
    view = broken.some("index-pattern", lambda each: each["id"] == "driftline-metrics")
    view["attributes"]["runtimeFieldMap"] = {"half": {"type": "double", "script": {"source": "emit(1"}}}
    return f"index-pattern {view['attributes']['name']}"


def field_is_not_mapped_format(broken):
    """A data view says how to show a field that there is not."""
    view = broken.some("index-pattern", lambda each: each["id"] == "driftline-metrics")
    view["attributes"]["fieldFormatMap"] = '{"metric.valeu": {"id": "percent"}}'
    return f"index-pattern {view['attributes']['name']}"


def query_fails_buckets(broken):
    """More buckets than Elasticsearch allows."""
    panel = broken.chart(operation="date_histogram")
    panel.column("date_histogram")["params"] |= {"interval": "1s", "includeEmptyRows": True}
    return panel.where


def cannot_be_read(broken):
    """A column that is a text."""
    panel = broken.chart()
    panel.columns[next(iter(panel.columns))] = "max"
    return panel.where


def _has_controls(board):
    return (board["attributes"].get("controlGroupInput") or {}).get("panelsJSON")


def _of_view(broken, view):
    """A panel of a data view."""

    def shows(panel):
        prefix = f"{panel.whole['panelIndex']}:indexpattern-datasource-layer"
        return any(
            each["name"].startswith(prefix) and each["id"] == view["id"] for each in panel.board["references"]
        ) and "may be empty" not in json.dumps(panel.lens)

    return broken.panel(shows).where


def _with_formula(broken, text):
    panel = broken.chart(operation="max")
    for column in panel.columns.values():
        if column["operationType"] == "terms":
            column["params"]["orderBy"] = {"type": "alphabetical"}
    panel.column("max").update({"operationType": "formula", "params": {"formula": text}, "references": []})
    return panel.where


MUTATIONS = {
    field_is_not_mapped: "field is not mapped",
    field_is_not_mapped_filter: "field is not mapped",
    field_is_not_mapped_pill: "field is not mapped",
    field_is_not_mapped_column: "field is not mapped",
    field_is_not_mapped_sort: "field is not mapped",
    field_is_not_mapped_time: "field is not mapped",
    field_is_not_mapped_view: "field is not mapped",
    field_is_not_mapped_control: "field is not mapped",
    field_is_no_number: "field is no number",
    field_is_no_date: "field is no date",
    field_cannot_be_aggregated: "field cannot be aggregated",
    kql_cannot_be_read: "KQL cannot be read",
    language_of_query: "language of query",
    clause_of_query: "clause of query",
    nothing_is_found_query: "nothing is found",
    nothing_is_found_pill: "nothing is found",
    nothing_is_found_dashboard: "nothing is found",
    nothing_is_found_control: "nothing is found",
    indices_are_not_there: "indices are not there",
    indices_of_data_view: "indices of data view",
    column_is_empty: "column is empty",
    column_counts_nothing: "column counts nothing",
    operation_of_column: "operation of column",
    operation_of_bucket: "operation of bucket",
    time_shift_of_column: "timeShift of column",
    order_of_terms: "order of terms",
    fields_of_terms: "fields of terms",
    interval_of_date_histogram: "interval of date_histogram",
    function_of_formula: "function of formula",
    parts_of_formula: "parts of formula",
    field_is_not_mapped_annotation: "field is not mapped",
    nothing_is_found_annotation: "nothing is found",
    type_of_annotation: "type of annotation",
    query_fails: "query fails",
    query_fails_data_view: "query fails",
    field_is_not_mapped_format: "field is not mapped",
    query_fails_buckets: "query fails",
    cannot_be_read: "cannot be read",
}


@pytest.mark.parametrize(("mutation", "expected"), MUTATIONS.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_a_broken_copy_is_caught(place, mutation, expected):
    """The finding is about the broken object and says what is broken; only that object's queries are run."""
    broken = Copy.of(SHIPPED.read_text(encoding="utf-8"))
    where = mutation(broken)
    read, _ = bundle.read(broken.text())
    made, findings = asked.of_bundle(read)
    ran = [run.run(place, search, PERIODS[:1]) for search in made if search.where.startswith(where)]
    found = {finding for each in ran for finding in each.findings} | set(findings)
    assert expected in {finding.what for finding in found if finding.where.startswith(where)}


def test_a_panel_that_may_be_empty_is_still_asked(place):
    """It may find nothing, but not ask for a field that there is not."""
    whole = Copy.of(SHIPPED.read_text(encoding="utf-8"))
    panel = whole.chart(operation="max")
    panel.lens["description"] = "Nothing is well. driftline: may be empty"
    panel.state["query"] = {"query": 'model.name : "gone"', "language": "kuery"}
    broken = copy.deepcopy(whole)
    panel = broken.panel(lambda other: other.where == panel.where)
    panel.column("max")["sourceField"] = "metric.valeu"
    assert [] == _of_panel(place, whole, panel.where)
    assert ["field is not mapped"] == _of_panel(place, broken, panel.where)


def _of_panel(place, whole, where):
    read, _ = bundle.read(whole.text())
    made, findings = asked.of_bundle(read)
    ran = [run.run(place, search, PERIODS[:1]) for search in made if search.where == where]
    assert ran
    found = (*findings, *(finding for each in ran for finding in each.findings))
    return [finding.what for finding in found if finding.where == where]


def test_the_page_shows_what_the_command_takes(place, elasticsearch_url, monkeypatch, tmp_path):
    """Every command of the page runs as it stands, on the shipped bundle."""
    monkeypatch.setenv("ELASTICSEARCH_URL", elasticsearch_url)
    monkeypatch.chdir(tmp_path)
    shutil.copy(SHIPPED, "export.ndjson")
    lines = re.findall(r"^\$ python -m kibana\.check (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        arguments = shlex.split(line.replace("--namespace demo", f"--namespace {place.namespace}"))
        result = CliRunner().invoke(command.main, arguments)
        assert result.exit_code in (0, 1), result.output
        assert "--json" not in arguments or all(json.loads(line) for line in result.stdout.splitlines())


@pytest.mark.parametrize("arguments", [["--namespace", "De-mo"], ["gone.ndjson"], ["--period", "2013-01-01"]])
def test_a_wrong_request_is_told_in_a_line(arguments):
    """With another exit code than findings have."""
    result = CliRunner().invoke(command.main, arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert "Traceback" not in result.output
