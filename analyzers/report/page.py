"""The page as HTML, a pure function of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from ..reading.output import minute, number

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
    return environment().get_template(name).render(found=found, scripts=scripts, navigation=navigation)


@cache
def environment(*folders: Path) -> jinja2.Environment:
    """The templates: those of some folders, which may extend `base.html.j2`, and those of the report.

    `base.html.j2` is given `scripts` and `navigation`, and has the blocks `title`, `bar`, `main` and `foot`.
    Everything is escaped.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, OWN]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": number, "minute": minute}
    made.globals |= {"style": jinja2.utils.markupsafe.Markup(style()), "navigation": ()}
    return made


@cache
def style() -> str:
    """The style sheet that all pages share."""
    return (OWN / "style.css").read_text(encoding="utf-8")
