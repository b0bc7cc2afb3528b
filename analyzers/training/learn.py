"""From the columns of a training set to what windows are compared with: bins, and a profile per segment. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import orjson

from ..measures import Task
from ..profiles.binning import Binning
from ..profiles.choose import Fields, probability_bins
from ..profiles.history import Segmented
from ..profiles.profile import Profile
from ..profiles.raw import Rows, binning_of, profile_of
from ..profiles.store import to_document
from .table import Table, taken

if TYPE_CHECKING:
    from ..monitors import Model
    from ..profiles.history import Segment


class UnfitError(ValueError):
    """A training set cannot be what a model is compared with; the text says why."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What windows are compared with.

    Attributes:
        binning: The bins.
        profiles: The profile per segment, None of all rows.
    """

    binning: Binning
    profiles: Segmented

    @property
    def content(self) -> str:
        """A digest of all of it: changes whenever another file makes a difference."""
        parts = [
            [segment, to_document(profile)]
            for segment, profile in sorted(self.profiles.items(), key=lambda pair: pair[0] or ("", ""))
        ]
        content = orjson.dumps([self.binning.to_document(), parts], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(content).hexdigest()[:16]

    def logged(self, fields: Fields) -> tuple[Learnt, tuple[str, ...]]:
        """With those features alone that are logged and of the same kind there, and a sentence on each that is not.

        A number cannot be counted as a text, and what no prediction has would be missing in every window.

        Args:
            fields: The features in the predictions.
        """
        numeric = {name: bins for name, bins in self.binning.numeric.items() if name in fields.numeric}
        categorical = {name: known for name, known in self.binning.categorical.items() if name in fields.categorical}
        notes = tuple(
            f"feature {name!r} of the training set is left out: {_elsewhere(name, kind, fields)}"
            for kind, all_of_it, kept in (
                ("numeric", self.binning.numeric, numeric),
                ("categorical", self.binning.categorical, categorical),
            )
            for name in all_of_it
            if name not in kept
        )
        if not notes:
            return self, ()
        binning = replace(self.binning, numeric=numeric, categorical=categorical)
        profiles = {
            segment: replace(
                profile,
                binning=binning.version,
                numeric={name: profile.numeric[name] for name in binning.numeric},
                categorical={name: profile.categorical[name] for name in binning.categorical},
            )
            for segment, profile in self.profiles.items()
        }
        return Learnt(binning, profiles), notes


def _elsewhere(name: str, kind: str, fields: Fields) -> str:
    if name in fields.mixed:
        return "in the predictions it is a number in some backing indices and text in others"
    if name in fields.numeric or name in fields.categorical:
        other = "a text" if name in fields.categorical else "a number"
        return f"{kind} there, and in the predictions {other}; a mapping's `texts` makes texts of numbers"
    return "no prediction has it"


def learn(table: Table, model: Model) -> Learnt:
    """Bins and profiles of a training set.

    Args:
        table: Its rows.
        model: The model that was trained.

    Raises:
        UnfitError: A regression's table has neither predictions nor outcomes, or features are not those of the model.
    """
    rows = table.rows()
    _check_features(rows, model)
    binning = _binning(rows, model)
    blank = {name: np.full(table.size, np.nan) for name in binning.scores if name not in rows.scores}
    rows = replace(rows, scores={**rows.scores, **blank})
    profiles: dict[Segment, Profile] = {None: _profile(rows, binning)}
    for segment, at in table.segments():
        profiles[segment] = _profile(taken(rows, at), binning)
    return Learnt(binning, profiles)


def _check_features(rows: Rows, model: Model) -> None:
    found = dict.fromkeys(rows.numeric, "numeric") | dict.fromkeys(rows.categorical, "categorical")
    for name, kind in (model.features or {}).items():
        if found.get(name) != kind:
            told = f"it is {found[name]}" if name in found else "there is no such feature"
            msg = f"features.{name}: {kind} in monitors.yml, and {told} in the table"
            raise UnfitError(msg)


def _binning(rows: Rows, model: Model) -> Binning:
    """The bins; where the table does not tell those of a model's answers, equal ones, or those of what came true."""
    if model.task is Task.REGRESSION and rows.value is not None and not np.isfinite(rows.value).any():
        rows = replace(rows, value=rows.evaluations["actual"])
        if not np.isfinite(rows.evaluations["actual"]).any():
            msg = "value, outcome: neither is in the table: a regression needs one of them for the bins of its answers"
            raise UnfitError(msg)
    wanted = model.features
    if wanted is not None:
        rows = replace(
            rows,
            numeric={name: values for name, values in rows.numeric.items() if name in wanted},
            categorical={name: values for name, values in rows.categorical.items() if name in wanted},
        )
    found = binning_of(rows)
    if model.task is Task.REGRESSION:
        return found
    if model.task is Task.BINARY:
        return replace(found, scores=found.scores or {str(model.positive_class): probability_bins()})
    classes = tuple(sorted({*found.classes, *found.scores}))
    return replace(found, classes=classes, scores={n: found.scores.get(n) or probability_bins() for n in classes})


def _profile(rows: Rows, binning: Binning) -> Profile:
    actual = rows.evaluations.get("actual")
    labelled = sum(label is not None for label in rows.actual) if actual is None else int(np.isfinite(actual).sum())
    return replace(profile_of(rows, binning), labelled=labelled)
