"""What a panel shows: the rows behind a title, by the very query that the checker runs."""

from __future__ import annotations

from driftline.analyzers.reading import kql

from . import panels
from .bundle import Bundle, Panel
from .layers import Row
from .run import Place
from .searches import Period


def find(bundle: Bundle, dashboard: str, title: str) -> Panel:
    """The panel of this title on this dashboard.

    Raises:
        LookupError: There is none, or more than one.
    """
    boards = [each for each in bundle.of("dashboard") if each.title == dashboard]
    found = [each for board in boards for each in board.panels if each.title == title]
    if len(found) != 1:
        titles = ", ".join(repr(each.title) for board in boards for each in board.panels if each.title)
        msg = f"{len(found)} panels {title!r} on {dashboard!r}; there are {titles or 'none'}"
        raise LookupError(msg)
    return found[0]


def rows(place: Place, shown: Panel, bundle: Bundle, period: Period, where: str = "") -> list[Row]:
    """What a panel shows: one row for each innermost bucket, by the labels of its columns.

    Of a saved search, the first documents by field.

    Args:
        place: Where to ask.
        shown: The panel.
        bundle: Where its data views are.
        period: Of the dashboard's time picker.
        where: KQL that people put into the search bar, or choose in controls.

    Raises:
        NotUnderstoodError: Something in the panel is not known here.
    """
    more = [kql.parse(where)] if where else []
    found: list[Row] = []
    for search in (panels.of_panel if shown.type == "lens" else panels.of_shown)(bundle, shown):
        if search.rows is not None:
            found += search.rows(place.ask(search, period, *more))
    return found
