"""The part of monitors.yml that says what is measured, and when it is worth a word."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from .judge import default_threshold
from .measures import MEASURES, Compare, Direction, Measure, Subject, Task, Threshold, by_name
from .settings import Node


def read_measures(node: Node | None, task: Task, *, fair: bool) -> tuple[tuple[Measure, ...], dict[str, Threshold]]:
    """What is measured of a model, and the thresholds of those measures that have one.

    Args:
        node: The setting, None where there is none.
        task: What kind of answer the model gives.
        fair: Whether fairness between groups is measured.

    Raises:
        ConfigError: It says something that is not allowed.
    """
    gaps = [measure.name for measure in MEASURES if measure.subject is Subject.ATTRIBUTE]
    able = [m for m in MEASURES if task in m.tasks and m.subject not in (Subject.OBJECTIVE, Subject.FEEDBACK)]
    possible = {m.name: m for m in able if fair or m.name not in gaps}
    if node is None:
        chosen: dict[str, Node | None] = {name: None for name, measure in possible.items() if measure.default}
    else:
        chosen = {name: node.get(name) for name in node.mapping()}
        for name in chosen:
            if name not in possible:
                lack = " without `fairness`" if name in gaps else ""
                node.child(name, name).unknown(possible, f"measures of a {task} model{lack}")
    if fair:
        chosen = dict.fromkeys(gaps) | chosen
    thresholds = {}
    for name, settings in chosen.items():
        threshold = _threshold(by_name(name), settings)
        if threshold.warning is not None or threshold.critical is not None:
            thresholds[name] = threshold
    for name in chosen:
        package = possible[name].needs_package
        if node is not None and package is not None and find_spec(package) is None:
            node.child(name, name).refuse("this measure only after `pip install 'driftline[learning]'`")
    return tuple(possible[name] for name in chosen), thresholds


_FORMS: dict[str, tuple[Compare, Direction | None]] = {
    "above": (Compare.VALUE, Direction.HIGHER),
    "below": (Compare.VALUE, Direction.LOWER),
    "worse_by": (Compare.CHANGE, None),
    "worse_by_ratio": (Compare.RATIO, None),
}
_ALLOWED_FLOOR = f"a number, or one of {{{', '.join(_FORMS)}: number}}"


def _threshold(measure: Measure, node: Node | None) -> Threshold:
    default = default_threshold(measure)
    if node is None or node.value is None:
        return default
    node.keys({"warning", "critical", "min_samples"})
    found = {level: _floor(default, node[level]) for level in ("warning", "critical") if node.get(level)}
    kinds = {kind for kind, _ in found.values()}
    if len(kinds) > 1:
        node.refuse("warning and critical of the same form")
    compare, direction = kinds.pop() if kinds else (default.compare, default.direction)
    floors = {level: floor for level, (_, floor) in found.items()}
    samples = node.get("min_samples")
    return Threshold(
        compare=compare,
        direction=direction,
        warning=floors.get("warning") if found else default.warning,
        critical=floors.get("critical") if found else default.critical,
        min_samples=int(samples.number(low=1)) if samples else default.min_samples,
    )


def _floor(default: Threshold, node: Node) -> tuple[tuple[Compare, Direction], float]:
    if not isinstance(node.value, Mapping):
        return (default.compare, default.direction), node.number(allowed=_ALLOWED_FLOOR)
    node.keys(_FORMS)
    if len(node.value) != 1:
        node.refuse(_ALLOWED_FLOOR)
    (form,) = node.value
    compare, direction = _FORMS[form]
    return (compare, direction or default.direction), node[form].number()
