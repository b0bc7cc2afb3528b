"""One search that Kibana sends, and what all searches of a dashboard share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from . import filters
from .bundle import Json, SavedObject
from .fields import Use
from .filters import Query
from .finding import refuse
from .layers import Row, Shown

MAY_BE_EMPTY = "driftline: may be empty"


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when, as Elasticsearch reads dates: `2013-01-01`, `now-1h`, `now/d`."""

    since: str
    until: str


@dataclass(frozen=True, slots=True)
class Search:
    """One search.

    Attributes:
        where: The place that findings name.
        kind: `layer`, `control`, `search` or `annotation`.
        view: The data view.
        queries: What documents must match, besides the period.
        body: The rest of the request.
        uses: What it asks of fields.
        rows: From the answer to rows; None where hits are all there is to see.
        period: What the dashboard opens with.
        may_be_empty: Whether nothing found is no fault.
        shown: What is not to be empty in all rows.
    """

    where: str
    kind: str
    view: SavedObject
    queries: tuple[Query, ...]
    body: Json
    uses: tuple[Use, ...]
    rows: Callable[[Json], list[Row]] | None
    period: Period
    may_be_empty: bool = False
    shown: tuple[Shown, ...] = ()

    @property
    def time_field(self) -> str | None:
        """The field that the period is about."""
        return self.view.attributes.get("timeFieldName")

    @property
    def runtime(self) -> Json:
        """The fields that the data view computes."""
        return self.view.attributes.get("runtimeFieldMap") or {}

    def index(self, namespace: str) -> str:
        """The data view's indices in a namespace, in place of its `*`.

        Raises:
            NotUnderstoodError: The pattern does not end with `-*`.
        """
        patterns = str(self.view.attributes.get("title")).split(",")
        if odd := [pattern for pattern in patterns if not pattern.endswith("-*") or pattern.count("*") > 1]:
            refuse("indices of data view", ", ".join(odd), "a name that ends with -*")
        return ",".join(pattern.removesuffix("*") + namespace for pattern in patterns)

    def request(self, period: Period, *more: Query) -> dict[str, Any]:
        """The body of the request; `more` is what people filter by."""
        within: list[Query] = []
        if self.time_field:
            within = [{"range": {self.time_field: {"gte": period.since, "lte": period.until}}}]
        query = {"bool": {"filter": [*within, *self.queries, *more]}}
        runtime = {"runtime_mappings": dict(self.runtime)} if self.runtime else {}
        return {"track_total_hits": True, "query": query, **runtime, **self.body}


def context(dashboard: SavedObject) -> tuple[Query, ...]:
    """What a dashboard filters all its panels by when it opens: its query, its filters, what its controls select.

    Raises:
        NotUnderstoodError: Something of it is not known here.
    """
    source = dashboard.source
    selected = [query for control in dashboard.controls.values() for query in _selected(control)]
    return (*filters.of_text(source.get("query")), *filters.of_filters(source.get("filter")), *selected)


def _selected(control: Json) -> Iterator[Query]:
    settings = control.get("explicitInput") or {}
    field, chosen = settings.get("fieldName"), settings.get("selectedOptions")
    query: Query | None = {"terms": {field: chosen}} if chosen else None
    if settings.get("existsSelected"):
        query = {"exists": {"field": field}}
    if value := settings.get("value"):
        low, high = value
        query = {"range": {field: {"gte": low, "lte": high}}}
    if query is not None:
        yield {"bool": {"must_not": [query]}} if settings.get("exclude") else query


def searched(queries: Iterable[Query], by: str = "a filter") -> Iterator[Use]:
    """What queries ask of fields."""
    return (Use(field, "searchable", by) for query in queries for field in filters.fields(query))


def period(owner: SavedObject) -> Period:
    """What a dashboard or a saved search opens with."""
    own = owner.attributes
    return Period(str(own.get("timeFrom") or "now-15m"), str(own.get("timeTo") or "now"))
