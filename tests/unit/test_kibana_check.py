"""How the checker reads Kibana's formats: queries, filters, columns, formulas and fields."""

from __future__ import annotations

import pytest
from kibana.check import bundle, columns, fields, filters, formula, layers
from kibana.check.finding import NotUnderstoodError

COUNT = {"operationType": "count", "sourceField": "___records___", "label": "Count", "isBucketed": False}
PEAK = {"operationType": "max", "sourceField": "metric.value", "label": "Peak", "isBucketed": False}
MODELS = {
    "operationType": "terms",
    "sourceField": "model.name",
    "label": "Model",
    "isBucketed": True,
    "params": {"size": 3, "orderBy": {"type": "column", "columnId": "n"}, "orderDirection": "desc"},
}
CRITICAL = {"query": 'metric.status : "critical"', "language": "kuery"}
IS_CRITICAL = {"match_phrase": {"metric.status": "critical"}}


def layer(**made):
    """A layer of these columns, in this order."""
    return {"columns": made, "columnOrder": list(made)}


class TestFilters:
    """Queries and filters."""

    def test_an_empty_query_matches_everything(self):
        """There is nothing to ask."""
        assert [] == filters.of_text({"query": " ", "language": "kuery"}) == filters.of_text(None)

    def test_a_filter_that_is_switched_off_is_left_out(self):
        """A negated one is turned around."""
        query = {"exists": {"field": "a"}}
        given = [{"meta": {"disabled": True}, "query": query}, {"meta": {"negate": True}, "query": query}]
        assert [{"bool": {"must_not": [query]}}] == filters.of_filters(given)

    def test_combined_filters_are_joined(self):
        """By `or` as by `and`."""
        parts = [{"meta": {}, "query": {"exists": {"field": name}}} for name in "ab"]
        (found,) = filters.of_filters([{"meta": {"type": "combined", "relation": "OR", "params": parts}, "query": {}}])
        assert {"should": [part["query"] for part in parts], "minimum_should_match": 1} == found["bool"]
        with pytest.raises(NotUnderstoodError, match="relation of filters, got 'NONE'"):
            filters.of_filters([{"meta": {"type": "combined", "relation": "NONE", "params": parts}}])

    def test_a_filter_without_a_query_is_not_passed(self):
        """As older versions wrote it."""
        with pytest.raises(NotUnderstoodError, match="filter has no query"):
            filters.of_filters([{"meta": {}, "exists": {"field": "a"}}])

    def test_the_fields_of_a_query_are_all_found(self):
        """However deep they are."""
        (query,) = filters.of_text({"query": "a : 1 and (not b > 2 or c : * or d : x*)", "language": "kuery"})
        assert {"a", "b", "c", "d"} == set(filters.fields(query))

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("a : 1", True), ("a : x*", True), ("b > 2 and (c : * or not a : 1)", True), ("b > 2 and not c : *", False)],
    )
    def test_only_a_value_may_be_misspelt(self, text, expected):
        """A range and `field : *` name none."""
        (query,) = filters.of_text({"query": text, "language": "kuery"})
        assert expected is filters.by_value(query)


class TestFormula:
    """Formulas."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("count()", 8.0),
            ("1 - count(kql='a : 1') / count()", 0.75),
            ('(count(kql="a : 1") + 2) * 3', 12.0),
            ("-count() / 0", None),
            ("max(metric.value) - count()", None),
        ],
    )
    def test_the_value_is_that_of_arithmetic(self, text, expected):
        """What is missing or divided by zero has no value."""
        node = formula.parse(text)
        values = {formula.Call("count"): 8.0, formula.Call("count", kql="a : 1"): 2.0}
        assert expected == formula.value(node, values)

    def test_a_call_is_the_column_that_kibana_makes_of_it(self):
        """Back and forth."""
        (call,) = formula.calls(formula.parse("percentile(event.duration, percentile=95, kql='a : 1')"))
        assert formula.Call("percentile", "event.duration", "a : 1", 95.0) == call == formula.of_column(call.column)

    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("count() +", "formula cannot be read"),
            ("count() count()", "formula cannot be read"),
            ("count(", "formula cannot be read"),
            ("count() ? 1", "formula cannot be read"),
            ("", "formula cannot be read"),
            ("overall_sum(count())", "function of formula"),
            ("count(shift='1w')", "option of formula"),
            ("sum(a, reducedTimeRange='1h')", "option of formula"),
        ],
    )
    def test_what_is_not_known_is_not_passed(self, text, what):
        """It is told instead."""
        with pytest.raises(NotUnderstoodError) as raised:
            formula.parse(text)
        assert what == raised.value.what


class TestColumns:
    """Columns as aggregations."""

    @pytest.mark.parametrize("operation", sorted(columns.OPERATIONS))
    def test_every_operation_reads_its_own_answer(self, operation):
        """Inside a filter as without."""
        answers = {
            "median": {"values": {"50.0": 1.0}},
            "percentile": {"values": {"95.0": 1.0}},
            "percentile_rank": {"values": {"2.0": 1.0}},
            "standard_deviation": {"std_deviation": 1.0},
            "last_value": {"hits": {"hits": [{"fields": {"a": [1.0]}}]}},
        }
        answer = answers.get(operation, {"value": 1.0})
        column = {"operationType": operation, "sourceField": "a"}
        column["params"] = {"percentile": 95, "value": 2, "sortField": "@timestamp"}
        assert columns.metric("m", column).value({"doc_count": 3, "m": answer}) == 1.0
        filtered = columns.metric("m", column | {"filter": CRITICAL})
        assert filtered.value({"doc_count": 3, "m": {"doc_count": 2, "m": answer}}) == 1.0
        assert filtered.value({"doc_count": 3, "m": {"doc_count": 0, "m": answer}}) is None

    def test_a_count_is_the_number_of_documents(self):
        """Of those that its filter lets through."""
        assert columns.metric("n", COUNT).value({"doc_count": 3}) == 3
        assert columns.metric("n", COUNT | {"filter": CRITICAL}).value({"n": {"doc_count": 0}}) == 0

    def test_buckets_are_ordered_by_what_a_filter_lets_through(self):
        """And by a percentile, which has its number in its path."""
        middle = {"operationType": "median", "sourceField": "a", "filter": CRITICAL}
        metrics = {"n": columns.metric("n", middle)}
        found = columns.bucket("b", MODELS, metrics)
        assert {"n>n[50.0]": "desc"} == found.aggregation["terms"]["order"]

    @pytest.mark.parametrize(
        ("interval", "key"), [("1d", "calendar_interval"), ("1M", "calendar_interval"), ("6h", "fixed_interval")]
    )
    def test_one_of_a_unit_follows_the_calendar(self, interval, key):
        """Several have a fixed length."""
        column = {"operationType": "date_histogram", "sourceField": "@timestamp", "params": {"interval": interval}}
        assert interval == columns.bucket("b", column, {}).aggregation["date_histogram"][key]

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            ({"operationType": "differences"}, "operation of column"),
            ({"timeShift": "1w"}, "timeShift of column"),
            ({"reducedTimeRange": "1h"}, "reducedTimeRange of column"),
            ({"timeScale": "h"}, "timeScale of column"),
            ({"operationType": "percentile", "params": {}}, "parameters of percentile"),
            ({"sourceField": "___records___"}, "field of column"),
        ],
    )
    def test_a_metric_that_is_not_known_is_not_passed(self, change, what):
        """It is told instead."""
        with pytest.raises(NotUnderstoodError) as raised:
            columns.metric("m", PEAK | change)
        assert what == raised.value.what

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            ({"operationType": "geo"}, "operation of bucket"),
            ({"params": {"orderBy": {"type": "rare"}}}, "order of terms"),
            ({"params": {"orderBy": {"type": "column", "columnId": "gone"}}}, "order of terms"),
            ({"params": {"secondaryFields": ["b"]}}, "fields of terms"),
            ({"operationType": "filters", "params": {"filters": []}}, "filters of column"),
            ({"operationType": "date_histogram", "params": {"interval": "2M"}}, "interval of date_histogram"),
            ({"operationType": "date_histogram", "params": {"interval": "often"}}, "interval of date_histogram"),
        ],
    )
    def test_a_bucket_that_is_not_known_is_not_passed(self, change, what):
        """It is told instead."""
        with pytest.raises(NotUnderstoodError) as raised:
            columns.bucket("b", MODELS | change, {})
        assert what == raised.value.what


class TestLayers:
    """A layer and its rows."""

    def test_metrics_are_asked_for_in_the_innermost_bucket(self):
        """And once more where the values of an outer one are ordered by them."""
        dates = {"operationType": "date_histogram", "sourceField": "@timestamp", "label": "Time", "isBucketed": True}
        order = MODELS | {"params": MODELS["params"] | {"orderBy": {"type": "column", "columnId": "p"}}}
        found = layers.plan(layer(m=order, t=dates, p=PEAK)).aggregations()
        peak = {"max": {"field": "metric.value"}}
        assert {"p", "t"} == found["m"]["aggs"].keys()
        assert peak == found["m"]["aggs"]["p"] == found["m"]["aggs"]["t"]["aggs"]["p"]

    def test_a_row_is_an_innermost_bucket_with_documents(self):
        """By the labels that people see."""
        plan = layers.plan(layer(m=MODELS, n=COUNT, p=PEAK))
        buckets = [
            {"key": "a", "doc_count": 2, "p": {"value": 0.5}},
            {"key": "b", "doc_count": 0, "p": {"value": None}},
        ]
        response = {"hits": {"total": {"value": 2}}, "aggregations": {"m": {"buckets": buckets}}}
        assert [{"Model": "a", "Count": 2, "Peak": 0.5}] == plan.rows(response)

    def test_columns_of_one_label_are_told_apart(self):
        """Else the first would hide behind the second."""
        plan = layers.plan(layer(p=PEAK, q=PEAK))
        response = {"hits": {"total": {"value": 1}}, "aggregations": {"p": {"value": 1.0}, "q": {"value": None}}}
        assert [{"Peak (p)": 1.0, "Peak (q)": None}] == plan.rows(response)

    def test_a_formula_is_computed_from_its_functions(self):
        """The columns that Kibana keeps for them are no rows of their own."""
        share = {
            "operationType": "formula",
            "label": "Share",
            "isBucketed": False,
            "params": {"formula": "count(kql='metric.status : \"critical\"') / count()"},
            "references": ["x2"],
        }
        sums = {"operationType": "math", "label": "Part", "isBucketed": False, "references": ["x0", "x1"]}
        plan = layers.plan(layer(x0=COUNT | {"filter": CRITICAL}, x1=COUNT, x2=sums, s=share))
        counted = {"doc_count": 1}
        response = {"hits": {"total": {"value": 4}}, "aggregations": {"s_0": counted, "x0": counted}}
        assert [{"Share": 0.25}] == plan.rows(response)
        assert {"filter": IS_CRITICAL} == plan.aggregations()["s_0"]

    def test_a_formula_whose_columns_are_others_is_not_passed(self):
        """Kibana shows what its columns say, not its text."""
        share = {"operationType": "formula", "label": "Share", "isBucketed": False, "references": ["x0"]}
        with pytest.raises(NotUnderstoodError, match="parts of formula, got 'count"):
            layers.plan(layer(x0=PEAK, s=share | {"params": {"formula": "count()"}}))

    def test_a_sample_is_not_passed(self):
        """Nor is a histogram without an interval inside other buckets."""
        with pytest.raises(NotUnderstoodError, match="sampling of layer, got"):
            layers.plan(layer(n=COUNT) | {"sampling": 0.1})
        bins = {"operationType": "range", "sourceField": "a", "label": "Bins", "isBucketed": True}
        bins["params"] = {"type": "histogram", "maxBars": "auto"}
        assert layers.plan(layer(h=bins, n=COUNT)).buckets
        with pytest.raises(NotUnderstoodError, match="automatic histogram inside buckets"):
            layers.plan(layer(m=MODELS, h=bins, n=COUNT))


class TestFields:
    """What indices have."""

    KNOWN = fields.of_mapping(
        {
            "properties": {
                "model": {"properties": {"name": {"type": "keyword"}}},
                "score": {"type": "double", "index": False},
                "hidden": {"type": "keyword", "index": False, "doc_values": False},
                "message": {"type": "text"},
                "labels": {"type": "flattened"},
                "@timestamp": {"type": "date"},
            }
        }
    )

    @pytest.mark.parametrize(
        ("field", "need", "expected"),
        [
            ("model.name", "aggregatable", None),
            ("score", "number", None),
            ("score", "searchable", None),
            ("@timestamp", "number or date", None),
            ("labels.group", "searchable", None),
            ("___records___", "aggregatable", None),
            ("gone", "mapped", "field is not mapped"),
            ("labels.group", "aggregatable", "field is not mapped"),
            ("hidden", "searchable", "field cannot be searched"),
            ("message", "aggregatable", "field cannot be aggregated"),
            ("model", "searchable", "field cannot be searched"),
            ("model.name", "number", "field is no number"),
            ("score", "date", "field is no date"),
        ],
    )
    def test_a_field_does_what_its_mapping_lets_it(self, field, need, expected):
        """Even before there is an index."""
        found = list(fields.check("here", "index", [fields.Use(field, need, "test")], self.KNOWN))
        assert ([expected] if expected else []) == [finding.what for finding in found]

    def test_a_field_of_two_indices_does_what_it_does_in_both(self):
        """A number here and a name there is neither."""
        other = fields.of_mapping({"properties": {"score": {"type": "keyword"}, "more": {"type": "long"}}})
        both = fields.together([self.KNOWN, other])
        uses = [fields.Use("score", "number", "test"), fields.Use("more", "number", "test")]
        assert ["field is no number"] == [finding.what for finding in fields.check("here", "a,b", uses, both)]

    def test_capabilities_are_those_of_all_types(self):
        """As Elasticsearch answers."""
        types = {kind: {"searchable": True, "aggregatable": kind == "keyword"} for kind in ("keyword", "text")}
        found = fields.of_capabilities({"fields": {"a": types}})
        assert {"a": fields.Capability(frozenset(types), searchable=True, aggregatable=False)} == found


def test_the_line_of_an_export_that_counts_is_left_out():
    """Kibana ends its own exports with it."""
    read, findings = bundle.read('{"exportedCount": 1, "missingRefCount": 0, "missingReferences": []}\n\n')
    assert ((), []) == (read.objects, findings)
