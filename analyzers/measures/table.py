"""The page of all measures, made from their table."""

from __future__ import annotations

from driftline.ingest.events import Task

from . import MEASURES
from .measure import Compare, Direction, Measure

HEAD = """\
# Measures

Made from the table in `analyzers/measures/`; `make docs` writes it anew. Names are those of `monitors.yml` and of
`metric.name`. *Floor*: from which effect on a measurement is worth a warning / critical, if it is also significant.
*n*: fewer samples give `insufficient_data`. A dot: computed when `monitors.yml` names no measures."""
_FORMS = {
    (Compare.VALUE, Direction.HIGHER): "above {}",
    (Compare.VALUE, Direction.LOWER): "below {}",
    (Compare.CHANGE, Direction.HIGHER): "up by {}",
    (Compare.CHANGE, Direction.LOWER): "down by {}",
    (Compare.CHANGE, Direction.BOTH): "off by {}",
    (Compare.RATIO, Direction.HIGHER): "up by {:.0%}",
    (Compare.RATIO, Direction.LOWER): "down by {:.0%}",
}


def markdown() -> str:
    """The reference page of the measures."""
    parts = [HEAD]
    for family in dict.fromkeys(measure.family for measure in MEASURES):
        parts.append(f"\n## {family.capitalize()}\n\n| | measure | title | of | unit | floor | n | source |")
        parts.append("| --- | --- | --- | --- | --- | --- | --- | --- |")
        parts += [_row(measure) for measure in MEASURES if measure.family == family]
    return "\n".join(parts) + "\n"


def _row(measure: Measure) -> str:
    form = _FORMS.get((measure.compare, measure.direction), "{}")
    levels = (measure.warning, measure.critical)
    floor = " / ".join(form.format(level) for level in levels if level is not None) or "recorded only"
    tasks = "" if measure.tasks == frozenset(Task) else f" ({', '.join(sorted(measure.tasks))})"
    cells = (
        "•" if measure.default else "",
        f"`{measure.name}`",
        measure.title,
        f"{measure.subject.value}{tasks}",
        measure.unit,
        floor,
        str(measure.min_samples),
        measure.source,
    )
    return f"| {' | '.join(cells)} |"
