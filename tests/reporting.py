"""What a page tells of, made up: an incident with all its parts, hostile texts among them, and one with none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import incidents

from driftline.analyzers.alerts.people import Whole
from driftline.analyzers.alerts.records import Basis, Impact, Resolution, Severity, State
from driftline.analyzers.report.found import Bin, Found, Line, Moved, Mover
from driftline.analyzers.windows import Window, iso

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOSTILE = "</script><script>window.hacked = true</script><img src=x onerror='window.hacked = true'>\"'&"
"""A text that does harm wherever it is not escaped."""


def metric(day: int, value: float | None, status: str = "ok", feature: str | None = None, name: str = "missing_rate"):
    """A metric document of one day."""
    found: dict[str, Any] = {
        "@timestamp": iso(START + day * DAY),
        "model": {"name": "churn", "version": "1"},
        "window": {"start": iso(START + day * DAY), "end": iso(START + (day + 1) * DAY), "size": "1d"},
        "metric": {"name": name, "status": status, "reference_value": 0.02, "threshold": 0.05, "sample_size": 900},
    }
    if value is not None:
        found["metric"] |= {"value": value, "lower": max(0.0, value - 0.01), "upper": min(1.0, value + 0.01)}
    return found | ({"feature": {"name": feature}} if feature else {})


def days(feature: str | None = None, name: str = "missing_rate") -> list[dict[str, Any]]:
    """A metric over forty days: quiet, one day without a value, and wrong from day 35 on."""
    quiet = [metric(day, 0.02 + 0.001 * (day % 7), "ok", feature, name) for day in range(34)]
    none = metric(34, None, "insufficient_data", feature, name)
    wrong = [metric(day, 0.08 + 0.1 * (day - 35), "critical", feature, name) for day in range(35, 40)]
    return [*quiet, none, *wrong]


def exemplar(number: int, beside: str | None = None) -> dict[str, Any]:
    """A prediction as evidence tells it; one with `beside` is ordinary."""
    features: dict[str, Any] = {"colour": "red" if beside else HOSTILE, "age": 30 + number if beside else 99}
    return {
        "id": f"{'ordinary' if beside else 'exemplar'}-{number}",
        **({"beside": beside} if beside else {}),
        "@timestamp": iso(START + 36 * DAY),
        "loss": 1.25,
        "predicted": "leaves",
        "score": 0.81,
        "outcome": "stays",
        "features": features | ({"amount": 12.5} if beside else {}),
        "segments": {"region": "eu"},
    }


def evidence() -> dict[str, Any]:
    """Evidence with every part of it."""
    affected = {"segment": {"name": "region", "value": HOSTILE}, "predictions": 300, "share": 0.33}
    affected |= {"measure": "missing_rate", "value": 0.4, "reference_value": 0.02, "status": "critical", "only": True}
    exemplars = [exemplar(number) for number in range(10)]
    change = {"@timestamp": iso(START + 34.5 * DAY), "action": "model-deployed", "message": f"v2 {HOSTILE}"}
    return {
        "window": {"start": iso(START + 35 * DAY), "end": iso(START + 40 * DAY)},
        "more_metrics": 3,
        "affected": [affected],
        "who": "Only region=eu, 33 % of the predictions.",
        "checked": ["recall", HOSTILE],
        "more_checked": 2,
        "unjudged": 1,
        "changes": [change],
        "cause": {"kind": "missing", "text": f"46 % of the values are missing {HOSTILE}", "confidence": 0.9},
        "exemplars": exemplars,
        "ordinary": [exemplar(number, beside=row["id"]) for number, row in enumerate(exemplars)],
        "touched": {
            "what": "predictions without features.amount",
            "kql": f'x: "{HOSTILE}"',
            "predictions": 410,
            "share": 0.46,
        },
        "links": {
            "runbook": "https://example.com/runbooks/quality.md",
            "discover": "/app/discover",
            "dashboard": "javascript:alert(1)",
        },
        "commands": [f"driftline predictions '{HOSTILE}'", "driftline metrics", "driftline predictions 'x'"],
    }


def incident(told: Mapping[str, Any] | None = None, state: State = State.FIRING) -> Found:
    """The page of an incident.

    Args:
        told: Its evidence; all of it where it is left out.
        state: Where it stands.
    """
    full = told is None
    metrics = [days("amount"), days(HOSTILE if full else "age"), days(None, "missing_rate")]
    alerts = [incidents.alert(windows) for windows in metrics]
    made = incidents.incident(alerts, alerts[0])
    over = {"until": START + 45 * DAY, "resolution": Resolution.RECOVERED} if state is State.RESOLVED else {}
    cost = Impact(412.5, 380.0, "predictions", 0.45, 900.0, Basis.MEASURED) if full else None
    found = evidence() if told is None else dict(told)
    made = replace(made, state=state, severity=Severity.PAGE, evidence=found, impact=cost, model="churn", **over)
    made = replace(made, title=f"churn: broken data in {HOSTILE if full else 'amount'} since 2026-04-05T00:00Z")
    whole = Whole(made, {}, alerts, _notices() if full else [], _said() if full else [])
    return Found(
        model="churn",
        namespace="shop",
        period=Window(START + 35 * DAY, START + 45 * DAY),
        made=START + 46 * DAY,
        whole=whole,
        incidents=(),
        lines=[Line(alerts[0].series, metrics[0] if full else [])],
        moved=moved() if full else None,
        changes=found.get("changes", ()),
        deliveries=_deliveries() if full else [],
    )


def period(lines: Sequence[Line] | None = None) -> Found:
    """The page of a period."""
    whole = incident().whole
    assert whole is not None
    wrong = [
        Line(incidents.alert(days(None, name)).series, days(None, name)) for name in ("missing_rate", "error_rate")
    ]
    return Found(
        model="churn",
        namespace="shop",
        period=Window(START, START + 40 * DAY),
        made=START + 46 * DAY,
        whole=None,
        incidents=[whole.incident],
        lines=lines or wrong,
        moved=moved(),
        changes=evidence()["changes"],
        deliveries=(),
    )


def moved() -> Moved:
    """A feature that moved, one with a hostile category, and one without reference."""
    amount = [Bin("below 10", 0.3, 0.5), Bin("10 or more", 0.24, 0.48), Bin("missing", 0.46, 0.02)]
    movers = [
        Mover("amount", 0.44, amount, alarm=True),
        Mover("colour", 0.1, [Bin(HOSTILE, 0.6, 0.5), Bin("red", 0.4, 0.5)]),
        Mover("prediction.score", 0.0, [Bin("below 0.5", 1.0, None)]),
    ]
    return Moved(movers, Window(START + 35 * DAY, START + 40 * DAY), 4_500, 27_000, 4)


def _notices() -> list[dict[str, Any]]:
    told = {"id": "n1", "telling": "opened", "severity": "page", "decided": iso(START + 36 * DAY), "state": "planned"}
    return [{"notice": told}]


def _deliveries() -> list[dict[str, Any]]:
    return [{"notice": {"id": "n1"}, "delivery": {"channel": f"pager {HOSTILE}", "state": "sent"}}]


def _said() -> list[dict[str, Any]]:
    when = iso(START + 36 * DAY)
    return [
        {"@timestamp": when, "user": {"name": "ada"}, "acknowledgement": {"incident": "i", "note": HOSTILE}},
        {"@timestamp": when, "user": {"name": "ada"}, "feedback": {"incident": "i", "verdict": "useful"}},
    ]
