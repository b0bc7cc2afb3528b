"""What the templates are given: sentences, tables and charts, made of what was found. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..alerts import output
from ..alerts.evidence.told import told
from ..alerts.people import Whole
from ..alerts.records import Basis, Impact, Incident, Series, State
from ..reading.search import WRONG
from ..windows import iso
from . import figures, rows
from .found import Found, Line
from .limits import limits
from .parts import Chart, Fact, Step
from .words import counted, interval, length, moment, number, of, share, window_name

SEVERITIES = {"page": "◆ page", "ticket": "▲ ticket", "digest": "● digest"}
STATES = {"firing": "▲ firing", "unknown": "? unknown", "resolved": "✓ resolved", "pending": "○ pending"}
BASES = {
    Basis.MEASURED: "measured on outcomes",
    Basis.ESTIMATED: "estimated before outcomes are known",
    Basis.COUNTED: "counted: predictions that failed, or were never made",
}
LINKS = {"discover": "the predictions", "dashboard": "the dashboard", "metrics": "the metric"}
MOST_LINES = 6
"""Measures of a period that have a chart of their own: those that were wrong most often."""


def incident(found: Found, whole: Whole) -> dict[str, Any]:
    """The parts of the page of an incident."""
    one, parent = whole.incident, whole.parent
    evidence = one.evidence
    metrics = evidence.get("metrics") or told(whole.alerts)
    line = found.lines[0]
    span = (iso(found.period.start), iso(found.period.end))
    features = [metric["feature"] for metric in metrics if "feature" in metric]
    return {
        "incident": one,
        "title": heading(one),
        "severity": SEVERITIES.get(one.severity, one.severity),
        "state": STATES.get(one.state, one.state),
        "sentence": sentence(parent.series, metrics[0]),
        "facts": list(_facts(found, whole)),
        "cause": evidence.get("cause"),
        "steps": list(_steps(found, whole)),
        "links": {
            text: evidence["links"][name]
            for name, text in LINKS.items()
            if is_web(evidence.get("links", {}).get(name, ""))
        },
        "timeline": figures.timeline("timeline", of(line.series), line, span, found.changes) if line.windows else None,
        "metrics": rows.metrics(metrics, evidence.get("more_metrics", max(0, len(whole.alerts) - len(metrics)))),
        "effects": figures.effects(metrics),
        "movers": figures.movers(found.moved) if found.moved else [],
        "moved": found.moved,
        "moved_in": _moved_in(found),
        "who": evidence.get("who", ""),
        "segments": rows.segments(evidence.get("affected", ())),
        "touched": evidence.get("touched"),
        "predictions": rows.predictions(evidence.get("exemplars", ()), evidence.get("ordinary", ()), features),
        "fine": evidence.get("checked", ()),
        "more_fine": evidence.get("more_checked", 0),
        "unjudged": evidence.get("unjudged", 0),
        "changes": rows.changes(found.changes),
        "told": rows.told(whole.notices, found.deliveries),
        "said": rows.said(whole.said),
    }


def heading(one: Incident) -> str:
    """What an incident is, as a heading."""
    text = output.what(one)
    return text[:1].upper() + text[1:]


def sentence(series: Series, metric: Mapping[str, Any]) -> str:
    """What is wrong, in one sentence with its numbers."""
    between = f", 95\u00a0% interval {interval(metric)}" if interval(metric) else ""
    before = metric.get("reference_value")
    against = [f"{number(before)} in the reference"] if before is not None else []
    against += (
        [f"the limit is {' or '.join(map(number, decided))}"] if (decided := limits([{"metric": metric}])) else []
    )
    compared = f"; {', '.join(against)}" if against else ""
    window = window_name(metric["window"])
    return f"{of(series)} was {number(metric.get('value'))} at its worst ({window}{between}){compared}."


def _facts(found: Found, whole: Whole) -> Iterator[Fact]:
    one = whole.incident
    lasted = length(found.period.end - found.period.start)
    if one.state is State.RESOLVED:
        yield Fact("Lasted", lasted, f"{moment(one.since)} to {moment(one.until)}; {one.resolution}")
    else:
        yield Fact("On for", lasted, f"since {moment(one.since)}")
    yield Fact("Found", moment(one.fired), f"{length(one.fired - one.since)} after it began")
    yield impact(one.impact)
    kinds = ", ".join(f"{count:,} of {kind}" for kind, count in one.alerts.items())
    yield Fact("Explained by", of(whole.parent.series), f"{counted(sum(one.alerts.values()), 'alert')}: {kinds}")
    if who := one.evidence.get("who"):
        text, _, more = who.partition(": ")
        yield Fact("Affected", text.removesuffix("."), more)
    owners = [document["user"]["name"] for document in whole.said if "acknowledgement" in document]
    yield Fact("Looked after by", ", ".join(dict.fromkeys(owners)) or "nobody has said so")


def impact(cost: Impact | None) -> Fact:
    """What it costs, with the end of the interval by which it is known whom it calls."""
    if cost is None:
        return Fact("Impact", "not known")
    text = f"{number(cost.loss)} {cost.unit} a day"
    more = f"at least {number(cost.at_least)}; {share(cost.share)} of {number(cost.predictions)} predictions a day"
    return Fact("Impact", text, f"{more}; {BASES[cost.basis]}")


def _steps(found: Found, whole: Whole) -> Iterator[Step]:
    one, evidence = whole.incident, whole.incident.evidence
    runbook = evidence.get("links", {}).get("runbook")
    if runbook:
        yield Step(f"Follow the runbook of {one.kind} incidents.", address=runbook if is_web(runbook) else None)
    commands = list(evidence.get("commands", ()))
    texts = [_look(evidence.get("touched")), "Read the metric, window by window.", "Read one of the predictions whole."]
    for text, command in zip(texts, commands, strict=False):
        yield Step(text, command=command)
    on = one.state is not State.RESOLVED
    acknowledged = any("acknowledgement" in document for document in whole.said)
    end = f"{one.id[:8]} --namespace {shlex.quote(found.namespace)}"
    if on and not acknowledged:
        yield Step("Say that you look after it, so that nobody is reminded.", command=f"driftline alerts ack {end}")
    if not any("feedback" in document for document in whole.said):
        command = f"driftline alerts feedback {end.replace(' ', ' useful ', 1)}"
        yield Step("Say what it was worth: useful, noise or expected.", command=command)


def _look(touched: Mapping[str, Any] | None) -> str:
    if touched is None:
        return "Look at the predictions behind it."
    part = f", {share(touched['share'])} of all" if touched.get("share") is not None else ""
    return f"Look at the predictions behind it: {touched['predictions']:,} {touched['what']}{part}."


def _moved_in(found: Found) -> str:
    """Of what the movers tell."""
    moved = found.moved
    if moved is None:
        return "No profiles of these windows are stored, so that what moved cannot be told."
    windows = f"{moment(moved.period.start)} to {moment(moved.period.end)}"
    against = f"{moved.reference:,} of the reference" if moved.reference else "no reference"
    text = f"{moved.predictions:,} predictions from {windows} against {against}"
    how = "Bars: now; upright strokes: the reference. Moved: lie in other bins than there." if moved.reference else ""
    rest = f" {counted(moved.unmoved, 'other')} moved less." if moved.unmoved else ""
    return f"{text}. {how}{rest}"


def period(found: Found) -> dict[str, Any]:
    """The parts of the page of a period."""
    wrong = sorted((line for line in found.lines if bad(line)), key=lambda line: (-bad(line), line.series.measure))
    span = f"{moment(found.period.start)} to {moment(found.period.end)}"
    size = found.lines[0].series.size
    return {
        "span": span,
        "facts": list(_period_facts(found, wrong, size)),
        "incidents": rows.incidents(found.incidents),
        "verdicts": figures.verdicts(found.lines),
        "timelines": _timelines(found, wrong),
        "measures": rows.measures(found.lines),
        "movers": figures.movers(found.moved) if found.moved else [],
        "moved_in": _moved_in(found),
        "changes": rows.changes(found.changes),
    }


def _period_facts(found: Found, wrong: Sequence[Line], size: str) -> Iterator[Fact]:
    windows = max(len(line.windows) for line in found.lines)
    yield Fact("Windows", f"{windows:,}", f"of {size}")
    if found.moved:
        yield Fact("Predictions", f"{found.moved.predictions:,}")
    on = sum(one.state is not State.RESOLVED for one in found.incidents)
    yield Fact("Incidents", f"{len(found.incidents):,}", f"{on:,} of them still on")
    names = f"of {len(found.lines):,}, in at least one window"
    yield Fact("Measures that were wrong", f"{len(wrong):,}", names)
    yield Fact("Changes", f"{len(found.changes):,}")


def _timelines(found: Found, wrong: Sequence[Line]) -> list[Chart]:
    shown = (wrong or found.lines)[:MOST_LINES]
    names = {line.series: name for name, line in figures.named(found.lines)}
    return [
        figures.timeline(f"line-{at}", names[line.series], line, None, found.changes) for at, line in enumerate(shown)
    ]


def bad(line: Line) -> int:
    """In how many of its windows a metric was wrong."""
    return sum(document["metric"]["status"] in WRONG for document in line.windows)


def is_web(address: str) -> bool:
    """Whether an address can be followed from a file: one of the web, and nothing that is run."""
    return address.startswith(("https://", "http://"))
