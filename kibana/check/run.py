"""Send the searches of a bundle to Elasticsearch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from elasticsearch import ApiError, Elasticsearch, NotFoundError

from driftline.ingest.client import reason

from . import asked, fields, filters, searches, structure
from .bundle import Bundle, Json
from .fields import Fields
from .finding import Finding, NotUnderstoodError
from .layers import Row
from .searches import Period, Search


@dataclass(frozen=True, slots=True)
class Ran:
    """What a search found.

    Attributes:
        search: The search.
        hits: How many documents, in the period where they were most.
        rows: How many rows, in the period where they were most; the hits where there are no rows.
        findings: What is wrong with it.
    """

    search: Search
    hits: int
    rows: int
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Place:
    """An Elasticsearch and a namespace in it; field capabilities are asked for once an index."""

    client: Elasticsearch
    namespace: str
    known: dict[str, Fields] = field(default_factory=dict)

    def fields(self, indices: str) -> Fields:
        """The fields of indices, a list with commas; of their templates where they are not there yet."""
        for index in indices.split(","):
            if index not in self.known:
                self.known[index] = self._fields(index)
        return fields.together(self.known[index] for index in indices.split(","))

    def _fields(self, index: str) -> Fields:
        try:
            return fields.of_capabilities(self.client.field_caps(index=index, fields="*").body)
        except NotFoundError:
            template = self.client.indices.simulate_index_template(name=index).get("template") or {}
            return fields.of_mapping(template.get("mappings") or {})

    def ask(self, search: Search, period: Period, *more: filters.Query) -> Json:
        """The answer to a search; none of its indices being there is an empty one.

        Raises:
            ApiError: Elasticsearch cannot do it.
        """
        index = search.index(self.namespace)
        body = search.request(period, *more)
        return dict(self.client.search(index=index, body=body, ignore_unavailable=True, allow_no_indices=True))


def everything(place: Place, bundle: Bundle, periods: Sequence[Period] = ()) -> tuple[list[Finding], list[Ran]]:
    """All that is wrong with a bundle, and what was run.

    Args:
        place: Where to ask.
        bundle: What to check.
        periods: A panel is empty if it is in all of these; without any, what the dashboard opens with.
    """
    made, findings = asked.of_bundle(bundle)
    ran = [run(place, search, periods or (search.period,)) for search in made]
    found = (finding for each in ran for finding in each.findings)
    return sorted({*structure.check(bundle), *findings, *found}), ran


def run(place: Place, search: Search, periods: Iterable[Period]) -> Ran:
    """One search in each period."""
    try:
        index = search.index(place.namespace)
    except NotUnderstoodError as error:
        return Ran(search, 0, 0, (error.at(search.where),))
    if not (stored := place.fields(index)):
        return Ran(search, 0, 0, (Finding(search.where, "indices are not there", index, "indices, or templates"),))
    known = {**stored, **fields.of_runtime(search.runtime)}
    uses = search.uses
    if search.time_field:
        uses = (fields.Use(search.time_field, "date", "the period"), *uses)
    if wrong := tuple(fields.check(search.where, index, uses, known)):
        return Ran(search, 0, 0, wrong)
    answers = []
    for period in periods:
        try:
            answers.append(place.ask(search, period))
        except ApiError as error:
            return Ran(search, 0, 0, (Finding(search.where, "query fails", reason(error), "a query that runs"),))
    return _judged(search, answers, partial(_exists, place, index, search))


def _exists(place: Place, index: str, search: Search, query: filters.Query) -> bool:
    """Whether any document matches a filter, whenever it is from."""
    body = {"size": 0, "terminate_after": 1, "query": query, "runtime_mappings": dict(search.runtime)}
    return bool(place.client.search(index=index, body=body)["hits"]["total"]["value"])


def _judged(search: Search, answers: Sequence[Json], exists: Callable[[filters.Query], bool]) -> Ran:
    findings = [
        Finding(search.where, "shards fail", f"{answer['_shards']['failed']} of {answer['_shards']['total']}", "none")
        for answer in answers
        if answer["_shards"]["failed"] or answer["timed_out"]
    ]
    hits = max(int(answer["hits"]["total"]["value"]) for answer in answers)
    if search.rows is None:
        rows, counted = [], hits
    else:
        each = [search.rows(answer) for answer in answers]
        rows, counted = [row for found in each for row in found], max(map(len, each))
    if not search.may_be_empty:
        findings += _empty(search, hits, counted, rows, exists)
    return Ran(search, hits, counted, tuple(findings))


def _empty(
    search: Search, hits: int, counted: int, rows: Sequence[Row], exists: Callable[[filters.Query], bool]
) -> Iterator[Finding]:
    allowed = f"data, or {searches.MAY_BE_EMPTY!r} in the description"
    if not hits or not counted:
        yield Finding(search.where, "nothing is found", f"{hits} hits, {counted} rows", allowed)
        return
    for each in search.shown:
        values = {row[each.label] for row in rows}
        if values == {None}:
            yield Finding(search.where, "column is empty", repr(each.label), allowed)
        elif values <= {0, None} and not all(exists(query) for query in each.counts):
            yield Finding(search.where, "column counts nothing", repr(each.label), "what some document is")
