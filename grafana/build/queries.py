"""What panels ask: queries in Lucene's syntax, and the aggregations of what they find.

Grafana puts the values of variables into a query as `("a" OR "b")` or as an escaped word, and adds the time range.
`top_metrics` is not used: an Elasticsearch without Elastic's own modules, such as the local one, has none.
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import elasticsearch as build
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.elasticsearch import BucketAggregation, MetricAggregation, TermsOrder

from .sources import METRICS, PROMETHEUS

Metric = Builder[MetricAggregation]
Bucket = Builder[BucketAggregation]

NAMESPACE = '_index:"driftline-metrics-${namespace}"'
MODEL = f"{NAMESPACE} AND model.name:$model"
SIZE = f"{MODEL} AND model.version:$version AND window.size:$size"
"""Windows of one size: the mean of days and months would be neither."""
MODELS_OWN = "NOT _exists_:feature.name"
WHOLE = f"{SIZE} AND NOT _exists_:segment.name AND {MODELS_OWN}"
NO_SEGMENT = "(*:* AND NOT _exists_:segment.name)"
"""As an alternative to something else; there a mere NOT would exclude, and nothing be left."""
ONE_SEGMENT = f"{SIZE} AND segment.value:$segment AND (segment.name:$dimension OR {NO_SEGMENT})"
"""Of the chosen segment, or of the whole model, for which `$segment` stands as the absence of a segment."""
BY_SEGMENT = f"{SIZE} AND segment.name:$dimension AND {MODELS_OWN}"
OPEN = '_index:"driftline-alerts-${namespace}" AND event.dataset:driftline.incident AND model.name:$model'

BY_VERSION = ("model.version",)
VERSION = "{{term model.version}}"
"""What splits a chart by version, and names its lines."""

FINEST = "auto"
MANY = 50
"""So many of one kind are drawn, those with the largest values; more could not be told apart."""


def mean(field: str, number: int = 1) -> Metric:
    """The mean of a field; `number` is unique in its target."""
    return build.Average().id(str(number)).field(field)


def largest(field: str, number: int = 1) -> Metric:
    """The largest value of a field."""
    return build.Max().id(str(number)).field(field)


def smallest(field: str, number: int = 1) -> Metric:
    """The smallest value of a field."""
    return build.Min().id(str(number)).field(field)


def count() -> Metric:
    """How many documents there are."""
    return build.Count().id("1")


def over_time(
    query: str,
    metric: Metric,
    by: Sequence[str] = (),
    *,
    alias: str = "",
    ref: str = "A",
    source: DataSourceRef = METRICS,
    gaps: bool = True,
) -> build.Dataquery:
    """A series for each value of the fields in `by`, in steps as wide as Grafana finds fit.

    Args:
        query: Which documents.
        metric: What is drawn.
        by: Fields that tell series apart.
        alias: Name of a series, with `{{term field}}` for the value of a field.
        ref: Letter of the target, unique in its panel.
        source: Which data source.
        gaps: Whether a step without documents is nothing, so that lines go from window to window where steps are
            narrower than windows; else it is there, with a count of 0. A heat map takes the width of its cells from
            the first two steps, and hides 0.
    """
    least = "1" if gaps else "0"
    settings = build.ElasticsearchDateHistogramSettings().interval(FINEST).min_doc_count(least)
    steps = build.DateHistogram().id("90").field("@timestamp").settings(settings)
    target = _target(query, (metric,), (*_terms(by), steps), ref, source)
    return target.alias(alias) if alias else target


def rows(
    query: str,
    metrics: Sequence[Metric],
    by: Sequence[str],
    *,
    order: str = "_key",
    source: DataSourceRef = METRICS,
) -> build.Dataquery:
    """A row for each value of the fields in `by`.

    Args:
        query: Which documents.
        metrics: A column each.
        by: Fields, which are columns, too.
        order: `_key` for the order of the alphabet, or the number of a metric for the largest first.
        source: Which data source.
    """
    return _target(query, metrics, _terms(by, order), "A", source)


def _terms(by: Sequence[str], order: str = "_key") -> tuple[Bucket, ...]:
    direction = TermsOrder.ASC if order == "_key" else TermsOrder.DESC
    return tuple(
        build.Terms()
        .id(str(10 + number))
        .field(field)
        .settings(
            build.ElasticsearchTermsSettings().size(str(MANY)).min_doc_count("1").order_by(order).order(direction)
        )
        for number, field in enumerate(by)
    )


def _target(
    query: str, metrics: Sequence[Metric], buckets: Sequence[Bucket], ref: str, source: DataSourceRef
) -> build.Dataquery:
    target = build.Dataquery().query(query).metrics(list(metrics)).bucket_aggs(list(buckets))
    return target.time_field("@timestamp").ref_id(ref).datasource(source)


def prometheus_now(expression: str, legend: str) -> prometheus.Dataquery:
    """The value of an expression at the end of the time range."""
    return prometheus.Dataquery().expr(expression).instant().legend_format(legend).ref_id("A").datasource(PROMETHEUS)


def prometheus_over_time(expression: str, legend: str) -> prometheus.Dataquery:
    """An expression over the time range."""
    return prometheus.Dataquery().expr(expression).range().legend_format(legend).ref_id("A").datasource(PROMETHEUS)
