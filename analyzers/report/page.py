"""The page as HTML, a pure function of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from . import view
from .words import minute, moment, number

if TYPE_CHECKING:
    from .found import Found
    from .scripts import Scripts

OWN = Path(__file__).with_name("templates")


def html(found: Found, scripts: Scripts, navigation: Sequence[tuple[str, str]] = ()) -> str:
    """The page of an incident, or of a period.

    Args:
        found: What `gather` read.
        scripts: What draws the charts.
        navigation: Links to other pages, text and address each; none in a page that is a file.
    """
    name = "incident.html.j2" if found.whole else "period.html.j2"
    parts = view.incident(found, found.whole) if found.whole else view.period(found)
    shared = {"found": found, "made": moment(found.made), "scripts": scripts, "navigation": navigation}
    return environment().get_template(name).render(shared | parts)


def title(found: Found) -> str:
    """What a page is of, in one line."""
    if found.whole:
        return found.whole.incident.title
    return f"{found.model} from {moment(found.period.start)} to {moment(found.period.end)}"


@cache
def environment(*folders: Path) -> jinja2.Environment:
    """The templates: those of some folders, which may extend `base.html.j2`, and those of the report.

    `base.html.j2` is given `scripts` and `navigation`, and has the blocks `policy`, `title`, `bar`, `main` and `foot`;
    `parts.html.j2` has the macros `table`, `chart`, `command`, `facts` and `contents`. Everything is escaped.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, OWN]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": number, "minute": minute}
    made.globals |= {"style": Markup(style()), "navigation": ()}  # noqa: S704 (a file of our own)
    return made


@cache
def style() -> str:
    """The style sheet that all pages share."""
    return (OWN / "style.css").read_text(encoding="utf-8")
