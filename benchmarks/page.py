"""The page of what was measured of the statistics, made from the figures that the benchmark wrote.

python -m benchmarks.page > docs/reference/evidence.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.figures import RESULTS

HEAD = """\
# What the statistics were measured to do

Made from `benchmarks/results/statistics.json`, which `make bench-statistics` writes; `make docs` writes this page anew.
All of it is simulated, with fixed seeds, and every rule sees the same counts."""
SHARE = re.compile(r"(?P<size>[\d,]+) rows, shift (?P<shift>[\d.]+): found by (?P<rule>.+), share")
DELAY = re.compile(r"(?P<size>[\d,]+) rows, shift (?P<shift>[\d.]+): (?P<rule>.+), windows until found")
INTERVAL = re.compile(r"interval of (?P<measure>\w+), n = (?P<size>[\d,]+): holds the truth")
Figures = Sequence[Mapping[str, Any]]


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _goals(figures: Figures) -> Iterator[Sequence[str]]:
    for figure in figures:
        name = figure["figure"]
        if not (SHARE.fullmatch(name) or INTERVAL.fullmatch(name) or (DELAY.fullmatch(name) and not figure["goal"])):
            holds = {True: "yes", False: "**no**", None: ""}[figure["holds"]]
            yield name, f"{figure['value']:,.6g}", figure["goal"], holds


def _power(figures: Figures) -> tuple[list[str], Iterator[Sequence[str]]]:
    shares = {m.group("size", "shift", "rule"): f["value"] for f in figures if (m := SHARE.fullmatch(f["figure"]))}
    delays = {m.group("size", "shift", "rule"): f["value"] for f in figures if (m := DELAY.fullmatch(f["figure"]))}
    rules = list(dict.fromkeys(rule for _, _, rule in shares))

    def rows() -> Iterator[Sequence[str]]:
        for size, shift in dict.fromkeys((size, shift) for size, shift, _ in shares):
            cells = []
            for rule in rules:
                share, delay = shares[size, shift, rule], delays.get((size, shift, rule))
                cells.append(f"{share:.0%}" + (f" in {delay:g}" if delay is not None else ""))
            yield size, shift, *cells

    return ["rows a window", "shift", *rules], rows()


def _intervals(figures: Figures) -> tuple[list[str], Iterator[Sequence[str]]]:
    found = {m.group("measure", "size"): f for f in figures if (m := INTERVAL.fullmatch(f["figure"]))}
    sizes = list(dict.fromkeys(size for _, size in found))

    def cell(measure: str, size: str) -> str:
        figure = found.get((measure, size))
        if figure is None:
            return ""
        return f"{figure['value']:.1%}" if figure["holds"] else f"**{figure['value']:.1%}**"

    measures = dict.fromkeys(measure for measure, _ in found)
    return ["interval of", *(f"n = {s}" for s in sizes)], ((f"`{m}`", *(cell(m, s) for s in sizes)) for m in measures)


def markdown() -> str:
    """The page."""
    figures = json.loads((RESULTS / "statistics.json").read_text(encoding="utf-8"))
    parts = [HEAD, "", "## False alarms, speed, and what must hold", ""]
    parts += _table(("figure", "value", "goal", "holds"), _goals(figures))
    parts += [
        "",
        "## What is found, and how soon",
        "",
        "Shifts of one feature of ten, in standard deviations, by independent draws; 120 windows of reference, six",
        "after the shift, 30 streams each. The share of the streams in which the rule raised an alarm for that",
        "feature, and after how many windows where that is all of them. A shift of 0 is a false alarm.",
        "",
        *_table(*_power(figures)),
        "",
        "## How often intervals hold the truth",
        "",
        "They are stated as 95 %; bold where a thousand draws would tell the difference. Distances: shifts of 0.15,",
        "0.4 and 0.8 standard deviations. Nothing is shown where a measure asks for more samples.",
        "",
        *_table(*_intervals(figures)),
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
