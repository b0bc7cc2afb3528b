"""Verdicts as documents of the monitoring index, `driftline-metrics`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from .causes.window import has_cause
from .firing import Level
from .measures import Status, Verdict, by_name
from .profiles.request import CROSS
from .profiles.store import document_id
from .windows import Window, iso

if TYPE_CHECKING:
    from .causes import Cause
    from .grades import Graded
    from .maturity import Ripeness
    from .measures import Estimate

RESTATE = """
boolean near(def a, def b) {
  if (a instanceof Number && b instanceof Number) {
    double x = a.doubleValue();
    double y = b.doubleValue();
    return x == y || Math.abs(x - y) <= 1e-9 * Math.max(Math.abs(x), Math.abs(y));
  }
  return a == b;
}
boolean bad(def status) { return status == 'warning' || status == 'critical'; }
def after = params.document;
if (ctx.op == 'create') {
  ctx._source.putAll(after);
  return;
}
def old = ctx._source.metric;
def fresh = after.metric;
def first = old.containsKey('initial_value') ? old.initial_value : fresh.value;
boolean moved = !near(old.value, fresh.value);
fresh.revision = old.revision + (moved ? 1 : 0);
if (first == null) { fresh.remove('initial_value'); } else { fresh.initial_value = first; }
if (old.containsKey('alarm')) { fresh.alarm = old.alarm; }
if (old.containsKey('early_status')) { fresh.early_status = old.early_status; }
else if (old.labels == 'early' && bad(old.status)) { fresh.early_status = old.status; }
if (fresh.containsKey('early_status') && fresh.labels != 'early' && fresh.status != 'insufficient_data') {
  fresh.early_verdict = bad(fresh.status) ? 'confirmed' : 'retracted';
}
boolean same = old.size() == fresh.size() && ctx._source.reference == after.reference
  && ctx._source.objective == after.objective;
for (def key : fresh.keySet()) { same = same && (key == 'judged' || near(old[key], fresh[key])); }
if (same) {
  ctx.op = 'none';
} else {
  ctx._source.clear();
  ctx._source.putAll(after);
}
""".strip()
"""Writes a metric once, and restates it when it is measured anew: the first value is kept, changes of the value are
counted, and the same measurement again changes nothing. What was found bad while labels were early is confirmed or
retracted once they are there. Numbers are the same up to the order in which Elasticsearch adds. One script does it, so
that two analyzers cannot interleave."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What the verdicts of one analysis are about.

    Attributes:
        model: Model name.
        version: Model version.
        size: Name of the window size.
        window: The window.
        reference: The reference period; None without one, and of a training set.
        reference_kind: `fixed`, `rolling`, `seasonal` or `file`; None without a reference.
        label_coverage: Share of the predictions whose outcome is known, per segment (None: all predictions).
        as_of: When the last of the data reached Elasticsearch, ISO 8601.
        grades: How good estimates of performance have been, per measure.
        maturity: Share of the labels that will come which are there, None where that is not known.
        ripeness: How far the labels are.
        weighed: Whether labels were weighed by how many of their class still come.
        judged: When this is, ISO 8601.
        causes: What happened to features that are not as they were, by name.
    """

    model: str
    version: str
    size: str
    window: Window
    reference: Window | None
    reference_kind: str | None
    label_coverage: dict[tuple[str, str] | None, float]
    as_of: str
    grades: Mapping[str, Graded]
    maturity: float | None
    ripeness: Ripeness
    weighed: bool
    judged: str
    causes: Mapping[str, Cause] = field(default_factory=dict)

    @property
    def is_in_reference(self) -> bool:
        """Whether the window is one of a fixed reference: it ends in its period."""
        fixed = self.reference is not None and self.reference_kind == "fixed"
        return fixed and self.reference is not None and self.reference.start < self.window.end <= self.reference.end


def operations(index: str, scope: Scope, verdicts: Iterable[Verdict]) -> Iterator[bytes]:
    """The bulk actions that write or restate the metrics of one window."""
    for verdict in verdicts:
        body = document(scope, verdict)
        yield orjson.dumps({"update": {"_index": index, "_id": identity(scope, verdict), "retry_on_conflict": 3}})
        yield orjson.dumps(
            {
                "scripted_upsert": True,
                "upsert": {},
                "script": {"lang": "painless", "source": RESTATE, "params": {"document": body}},
            }
        )


def identity(scope: Scope, verdict: Verdict) -> str:
    """The id of a metric: the same measurement, made again, is the same document."""
    measurement = verdict.measurement
    segment = measurement.segment or (None, None)
    return document_id(
        scope.model,
        scope.version,
        scope.size,
        iso(scope.window.start),
        measurement.measure,
        measurement.feature,
        *segment,
    )


def document(scope: Scope, verdict: Verdict) -> dict[str, Any]:
    """One metric as stored; what is not defined is left out."""
    measurement = verdict.measurement
    measure = by_name(measurement.measure)
    metric = {
        "name": measure.name,
        "family": measure.family,
        "unit": measure.unit or None,
        **_numbers(measurement.estimate),
        **_judged(scope, verdict),
        "label_coverage": scope.label_coverage.get(measurement.segment),
        "label_maturity": scope.maturity,
        "labels": scope.ripeness.value if measure.needs_labels or measure.needs_all_labels else None,
        "weighed": True if scope.weighed and measure.needs_labels else None,
        "as_of": scope.as_of,
        "judged": scope.judged,
        "since": measurement.since,
        **_graded(scope.grades.get(measure.name)),
        "cause": _cause(scope, verdict),
        "revision": 0,
        "initial_value": measurement.estimate.value,
    }
    found: dict[str, Any] = {
        "@timestamp": iso(scope.window.start),
        "model": {"name": scope.model, "version": scope.version},
        "window": {"start": iso(scope.window.start), "end": iso(scope.window.end), "size": scope.size},
        "metric": {name: value for name, value in metric.items() if _is_defined(value)},
    }
    if (groups := measurement.groups) is not None:
        found["metric"]["groups"] = asdict(groups)
    if measurement.contributions:
        found["metric"]["contributions"] = [asdict(part) for part in measurement.contributions]
    if measurement.promise is not None:
        found["objective"] = measurement.promise.to_document()
    if measurement.feature is not None:
        found["feature"] = {"name": measurement.feature}
    if measurement.segment is not None:
        name, value = measurement.segment
        names, values = name.split(CROSS), value.split(CROSS)
        parts = dict(zip(names, values, strict=True)) if len(names) == len(values) else {}
        found |= {"segment": {"name": name, "value": value}, "segments": parts}
    if scope.reference_kind is not None:
        found["reference"] = {"kind": scope.reference_kind, **_bounds(scope.reference)}
    return found


def _bounds(period: Window | None) -> dict[str, str]:
    return {"start": iso(period.start), "end": iso(period.end)} if period else {}


def _judged(scope: Scope, verdict: Verdict) -> dict[str, Any]:
    against = verdict.against
    return {
        "p_value": against.p_value if against else verdict.measurement.estimate.p_value,
        "q_value": verdict.q_value,
        "alpha": verdict.alpha,
        "threshold": verdict.threshold,
        "status": verdict.status.value,
        "level": level(verdict, in_reference=scope.is_in_reference).value,
        "reason": verdict.reason.value if verdict.reason else None,
        "quiet_mean": against.mean if against else None,
        "quiet_deviation": against.between if against else None,
        "quiet_windows": against.windows if against else None,
    }


def level(verdict: Verdict, *, in_reference: bool = False) -> Level:
    """What a verdict says of its series, for an alarm to fire or clear.

    A window of the reference is what all others are compared with: it is told when it differs from the rest of it, and
    calls nobody.
    """
    match verdict.status:
        case Status.INSUFFICIENT:
            return Level.UNKNOWN
        case Status.OK:
            return Level.CALM if verdict.calm else Level.BETWEEN
        case _ if in_reference:
            return Level.BETWEEN
        case _:
            return Level.SEVERE if verdict.severe else Level.BAD


def _cause(scope: Scope, verdict: Verdict) -> dict[str, Any] | None:
    cause = scope.causes.get(verdict.measurement.feature or "") if has_cause(verdict) else None
    if cause is None:
        return None
    told = {"kind": cause.kind.value, "text": cause.text, "confidence": cause.confidence}
    return {name: value for name, value in told.items() if value is not None}


def _graded(graded: Graded | None) -> dict[str, Any]:
    return {"grade": graded.grade.value, "grade_error": graded.error} if graded else {}


def _numbers(estimate: Estimate) -> dict[str, float | int | None]:
    return {
        "value": estimate.value,
        "lower": estimate.lower,
        "upper": estimate.upper,
        "sampling_p_value": estimate.p_value,
        "statistic": estimate.statistic,
        "expected": estimate.expected if estimate.statistic is not None else None,
        "deviation": estimate.deviation,
        "reference_value": estimate.reference_value,
        "sample_size": estimate.sample_size,
        "reference_size": estimate.reference_size,
        "error_bound": estimate.error_bound,
    }


def _is_defined(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))
