"""How the page writes numbers, times and names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ..alerts.evidence.told import title
from ..alerts.records import Document, Series
from ..reading import output
from ..reading.output import minute, number
from ..windows import iso

PREDICTED = {
    "prediction.score": "the score",
    "prediction.label": "the predicted class",
    "prediction.value": "the predicted value",
}


def interval(metric: Mapping[str, Any]) -> str:
    """The 95 % interval; nothing where none is known."""
    return output.interval(metric.get("lower"), metric.get("upper"))


def share(value: float | None) -> str:
    """A share in percent; nothing for none."""
    return "" if value is None else f"{value:.1%}"


def moment(when: datetime | None) -> str:
    """A time to the minute, in UTC, of midnight the day alone; nothing for none."""
    return "" if when is None else f"{minute(iso(when))} UTC".replace(" 00:00 UTC", "")


def window_name(window: Mapping[str, Any]) -> str:
    """A window by its start and size: `2013-12-31, 1d`."""
    start = minute(window["start"]).removesuffix(" 00:00")
    return f"{start}, {window['size']}" if "size" in window else start


def length(span: timedelta) -> str:
    """A length of time in its two largest units."""
    days, rest = divmod(int(span.total_seconds()), 86_400)
    parts = [(days, "day"), (rest // 3_600, "hour"), (rest % 3_600 // 60, "minute")]
    told = [counted(count, unit) for count, unit in parts if count]
    return " ".join(told[:2]) or "less than a minute"


def counted(count: int, what: str) -> str:
    """A number of things: `1 window`, `2 windows`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def of(series: Series) -> str:
    """What a metric is of: `Share missing of temp, origin=JFK`."""
    about = f" of {feature(series.feature)}" if series.feature else ""
    part = f", {'='.join(series.segment)}" if series.segment else ""
    return f"{title(series.measure)}{about}{part}"


def metric_name(metric: Mapping[str, Any]) -> str:
    """The same of a metric as evidence tells it."""
    about = f" of {feature(metric['feature'])}" if "feature" in metric else ""
    part = f", {metric['segment']['name']}={metric['segment']['value']}" if "segment" in metric else ""
    return f"{metric['title']}{about}{part}"


def feature(name: str) -> str:
    """A feature, or what else a distribution is of."""
    return PREDICTED.get(name, name)


def plain(value: Any) -> str:
    """A value of a prediction; nothing for none."""
    return number(value) if isinstance(value, float) else "" if value is None else str(value)


def change_text(change: Document) -> str:
    """What changed, with its version."""
    text = change.get("message") or change.get("action", "")
    version = f" (version {change['version']})" if "version" in change and change["version"] not in text else ""
    return f"{text}{version}"


__all__ = ["change_text", "counted", "feature", "interval", "length", "metric_name", "minute", "moment", "number", "of",
           "plain", "share", "title", "window_name"]  # fmt: skip
