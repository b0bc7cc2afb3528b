"""How a feature of an alert is distributed in its worst window and in the reference, from the stored profiles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from driftline.ingest import events

from ... import references
from ...measures import Distribution
from ...measures.distributions import distributions
from ...profiles.history import History
from ...windows import Window
from .gained import SHOWN, Shape, field_of
from .told import family

if TYPE_CHECKING:
    from ...cluster import Cluster
    from ...monitors import Model
    from ...profiles.binning import Binning
    from ...profiles.history import Segmented
    from ..records import Alert


def feature_of(alert: Alert) -> str | None:
    """The distribution that an alert is about; None where it is about the whole model."""
    if family(alert.series.measure) == "fairness":
        return None
    contributions: Sequence[dict[str, str]] = alert.peak["metric"].get("contributions", ())
    return contributions[0]["feature"] if contributions else alert.series.feature


def shape(cluster: Cluster, model: Model, alert: Alert, feature: str, now: datetime) -> Shape | None:
    """A distribution in an alert's worst window and in its reference; None where it is not counted.

    Args:
        cluster: Where the profiles are.
        model: The model, as it is monitored.
        alert: The alert.
        feature: As `feature.name` of metrics says it.
        now: When this is.
    """
    history = History(cluster, model.name)
    frame = references.resolve(cluster, history, model, now)
    binning, series = frame.counting.binning, alert.series
    window = Window.from_document(alert.peak["window"])
    if frame.moving is not None:
        frame = references.moved(history, model, frame, frame.moving.period(window))
    profiles = dict(history.profiles(series.version, series.size, window, binning))
    current, reference = (_distribution(of, alert, feature, binning, model) for of in (profiles, frame.of(window)[0]))
    if current is None:
        return None
    field = field_of(feature)
    known = binning.classes if field == events.PREDICTION_LABEL else binning.categorical.get(feature, ())
    unseen = _unseen(cluster, model, alert, window, field, known) if current.fine is None else ()
    return Shape(field, current, reference, known, unseen)


def _distribution(of: Segmented, alert: Alert, feature: str, binning: Binning, model: Model) -> Distribution | None:
    profile = of.get(alert.series.segment)
    return dict(distributions([profile], binning, model.task)).get(feature) if profile is not None else None


def _unseen(
    cluster: Cluster, model: Model, alert: Alert, window: Window, field: str, known: Sequence[str]
) -> list[str]:
    """The most frequent categories of a window that the reference does not have."""
    query = references.predictions_of(model, window, alert.series.version)
    terms = {"field": field, "size": SHOWN, **({"exclude": list(known)} if known else {})}
    body = {"size": 0, "track_total_hits": False, "query": query, "aggs": {"unseen": {"terms": terms}}}
    found = cluster.count_predictions(body).get("aggregations", {"unseen": {"buckets": []}})
    return [str(bucket["key"]) for bucket in found["unseen"]["buckets"]]
