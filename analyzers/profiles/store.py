"""Profiles, references and bins as documents of `driftline-profiles`, under ids that a second run writes again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from .binning import Binning
from .profile import CategoryCounts, Moments, NumericCounts, Profile, ScoreCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray


def document_id(*parts: str | None) -> str:
    """An id made of its parts alone: the same window, measured again, is the same document."""
    joined = "\x1f".join("" if part is None else part for part in parts)
    return hashlib.sha256(joined.encode()).hexdigest()[:32]


def to_document(profile: Profile) -> dict[str, Any]:
    """The profile as stored: arrays sparse, names as values."""
    return {
        "binning": profile.binning,
        "predictions": profile.predictions,
        "errors": profile.errors,
        "labelled": profile.labelled,
        "numeric": [{"name": name, **_numeric(counts)} for name, counts in profile.numeric.items()],
        "categorical": [
            {"name": name, "counts": _pack(c.counts), "other": c.other, "missing": c.missing}
            for name, c in profile.categorical.items()
        ],
        "scores": [
            {"name": name, "counts": _pack(s.counts), "sums": _pack(s.sums), "moments": _moments(s.moments)}
            for name, s in profile.scores.items()
        ],
        "value": _numeric(profile.value) if profile.value else None,
        "predicted": [{"label": label, "count": count} for label, count in profile.predicted.items()],
        "confusion": [{"predicted": p, "actual": a, "count": count} for (p, a), count in profile.confusion.items()],
        "evaluations": [{"name": name, **_moments(m)} for name, m in profile.evaluations.items()],
        "duration": _pack(profile.duration),
        "delay": _pack(profile.delay),
        "positive_delay": _pack(profile.positive_delay),
    }


def from_document(document: Mapping[str, Any], binning: Binning) -> Profile:
    """The profile that `to_document` wrote with these bins."""
    shapes = Profile.empty(binning)
    return Profile(
        binning=document["binning"],
        predictions=document["predictions"],
        errors=document["errors"],
        labelled=document["labelled"],
        numeric={d["name"]: _numeric_from(d, shapes.numeric[d["name"]]) for d in document["numeric"]},
        categorical={
            d["name"]: CategoryCounts(
                unpack(d["counts"], shapes.categorical[d["name"]].counts), d["other"], d["missing"]
            )
            for d in document["categorical"]
        },
        scores={
            d["name"]: ScoreCounts(
                unpack(d["counts"], shapes.scores[d["name"]].counts),
                unpack(d["sums"], shapes.scores[d["name"]].sums),
                _moments_from(d["moments"]),
            )
            for d in document["scores"]
        },
        value=_numeric_from(document["value"], shapes.value) if shapes.value else None,
        predicted={d["label"]: d["count"] for d in document["predicted"]},
        confusion={(d["predicted"], d["actual"]): d["count"] for d in document["confusion"]},
        evaluations={d["name"]: _moments_from(d) for d in document["evaluations"]},
        duration=unpack(document["duration"], shapes.duration),
        delay=unpack(document["delay"], shapes.delay),
        positive_delay=unpack(document["positive_delay"], shapes.positive_delay),
    )


def _pack(array: NDArray[Any]) -> dict[str, Any]:
    flat = array.ravel()
    filled = np.flatnonzero(flat)
    return {"at": filled.tolist(), "n": flat[filled].tolist()}


def unpack(packed: Mapping[str, Any], like: NDArray[Any]) -> NDArray[Any]:
    """The array that was packed; its shape and type are those of `like`."""
    flat = np.zeros(like.size, like.dtype)
    flat[packed["at"]] = packed["n"]
    return flat.reshape(like.shape)


def _numeric(counts: NumericCounts) -> dict[str, Any]:
    return {"counts": _pack(counts.counts), "moments": _moments(counts.moments), "missing": counts.missing}


def _numeric_from(document: Mapping[str, Any], like: NumericCounts) -> NumericCounts:
    return NumericCounts(
        unpack(document["counts"], like.counts), _moments_from(document["moments"]), document["missing"]
    )


def _moments(moments: Moments) -> dict[str, Any]:
    values = asdict(moments)
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _moments_from(document: Mapping[str, Any]) -> Moments:
    return Moments(**{name: value for name, value in document.items() if name != "name"})
