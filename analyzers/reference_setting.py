"""The part of monitors.yml that says what windows are compared with."""

from __future__ import annotations

from datetime import date, timedelta

from .moving import Moving, Season
from .settings import Node
from .training.stored import TrainingSet
from .windows import Window, WindowSize


def read_reference(node: Node | None, window: WindowSize) -> Window | Moving | TrainingSet | None:
    """What a model is compared with; None for nothing.

    Args:
        node: The setting, None where there is none.
        window: Size of the model's windows.

    Raises:
        ConfigError: It says something that is not allowed.
    """
    if node is None:
        return None
    kind = node["kind"].choice(list(_REFERENCES)) if node.get("kind") else "fixed"
    required, optional = _REFERENCES[kind]
    node.keys({"kind", *required, *optional}, required=required)
    if kind == "file":
        return TrainingSet()
    if kind == "fixed":
        start, end = (node[key].moment() for key in ("start", "end"))
        if end <= start:
            node["end"].refuse(f"a time after start, {start.isoformat()}")
        return Window(start, end)
    if window.text == "month":
        node["kind"].refuse("fixed, since months are too long for a reference that moves by days")
    gap = node["gap"].length() if node.get("gap") else timedelta(0)
    holidays = _holidays(node, window)
    if kind == "rolling":
        return Moving(_whole_days(node["last"]), gap, holidays=holidays)
    season = Season(node["season"].choice([season.value for season in Season]))
    if season is not Season.DAY_OF_WEEK and window.seconds > 3_600:
        node["season"].refuse(f"{Season.DAY_OF_WEEK}, since windows are longer than an hour")
    return Moving(node["weeks"].whole(low=2, high=52) * timedelta(days=7), gap, season, holidays)


_REFERENCES: dict[str, tuple[set[str], set[str]]] = {
    "fixed": ({"start", "end"}, set()),
    "rolling": ({"last"}, {"gap", "holidays"}),
    "seasonal": ({"season", "weeks"}, {"gap", "holidays"}),
    "file": (set(), set()),
}


def _holidays(node: Node, window: WindowSize) -> tuple[date, ...]:
    found = tuple(sorted({item.day() for item in node.list("holidays")}))
    if found and window.seconds > 86_400:
        node["holidays"].refuse("none, since windows are longer than a day")
    return found


def _whole_days(node: Node) -> timedelta:
    length = node.length()
    if length % timedelta(days=1):
        node.refuse("a length of whole days, such as 28d")
    return length
