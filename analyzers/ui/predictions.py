"""The page that searches single predictions, as `driftline predictions` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from elasticsearch import BadRequestError

from driftline.ingest import events
from driftline.ingest.client import reason

from ..reading import kql, output, search
from . import asked

if TYPE_CHECKING:
    from ..cluster import Cluster

PAGE = 25
LAST = 10_000 // PAGE
"""Elasticsearch counts to the first of a page, and refuses to beyond ten thousand."""
FIELDS = ("q", "sort", "since", "until")


@dataclass(frozen=True, slots=True)
class Page:
    """What the page shows.

    Attributes:
        given: What stands in the fields, by name.
        errors: What is wrong with a field, by name.
        rows: A line each, after the prediction's id.
        total: How many match.
        first: Number of the first line, from 1.
        before: Address of the page before; None on the first.
        after: Address of the next page; None on the last.
        cut: Whether more match than can be turned to.
    """

    given: Mapping[str, str]
    errors: Mapping[str, str]
    rows: Sequence[tuple[str, Sequence[str]]] = ()
    total: int = 0
    first: int = 1
    before: str | None = None
    after: str | None = None
    cut: bool = False


def read(cluster: Cluster, arguments: Mapping[str, str]) -> Page:
    """Search; what is wrong with the question is in `errors`."""
    given = {field: arguments.get(field, "") for field in FIELDS}
    try:
        wanted = kql.all_of(kql.parse(asked.text(arguments, "q")), _period(arguments))
        sort = asked.one_of(arguments, "sort", search.SORTS, "loss")
        number = asked.number(arguments, "page", LAST)
        total, found = search.predictions(cluster, wanted, sort, PAGE, (number - 1) * PAGE)
    except kql.QueryError as error:
        return Page(given, {"q": str(error)})
    except asked.AskedError as error:
        return Page(given, {error.field: str(error)})
    except BadRequestError as error:
        # KQL that can be read may still compare a number with a word.
        return Page(given, {"q": reason(error)})
    rows = [(hit["_source"]["event"]["id"], output.prediction_row(hit["_source"])) for hit in found]
    return view(given | {"sort": sort}, rows, total, number)


def _period(arguments: Mapping[str, str]) -> kql.Query | None:
    since, until = asked.moment(arguments, "since"), asked.moment(arguments, "until")
    if since is not None and until is not None and since >= until:
        msg = "allowed: a time after the beginning"
        raise asked.AskedError(msg, "until")
    return search.between(events.TIMESTAMP, since, until)


def view(given: Mapping[str, str], rows: Sequence[tuple[str, Sequence[str]]], total: int, number: int) -> Page:
    """The page of what was found. Pure."""
    last = min(-(-total // PAGE), LAST)
    return Page(
        given=given,
        errors={},
        rows=rows,
        total=total,
        first=(number - 1) * PAGE + 1,
        before=_address(given, number - 1) if number > 1 else None,
        after=_address(given, number + 1) if number < last else None,
        cut=total > LAST * PAGE,
    )


def _address(given: Mapping[str, str], number: int) -> str:
    return "/predictions?" + urlencode({**{name: text for name, text in given.items() if text}, "page": number})
