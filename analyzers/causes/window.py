"""The causes of one window: which of its features need one, and what their counts tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..measures import Status, by_name
from . import table
from .categories import Categories
from .cause import Cause, Kind
from .numbers import Numbers

if TYPE_CHECKING:
    from ..measures import Verdict
    from ..profiles.binning import Binning
    from ..profiles.profile import Profile
    from .frequent import Frequent

FAMILIES = ("drift", "quality")


def has_cause(verdict: Verdict) -> bool:
    """Whether a verdict is one that a cause is looked for: a feature of all predictions that is not as it was."""
    measurement = verdict.measurement
    return (
        verdict.status in {Status.WARNING, Status.CRITICAL}
        and measurement.feature is not None
        and measurement.segment is None
        and by_name(measurement.measure).family in FAMILIES
    )


def features(verdicts: Iterable[Verdict], binning: Binning) -> tuple[str, ...]:
    """The features of a window for which a cause is looked for; scores and predictions are none."""
    named = dict.fromkeys(verdict.measurement.feature for verdict in verdicts if has_cause(verdict))
    return tuple(name for name in named if name in binning.numeric or name in binning.categorical)  # type: ignore[misc]


def causes(
    wanted: Sequence[str], current: Profile, reference: Profile, binning: Binning, frequent: Frequent
) -> dict[str, Cause]:
    """What happened to each of these features.

    Args:
        wanted: The features.
        current: The window's profile.
        reference: The profile that it is compared with.
        binning: The bins of both.
        frequent: Unseen categories, and frequent values, of features where they were asked for.
    """
    found = {}
    for name in wanted:
        asked = frequent.get(name, {})
        if name in binning.numeric:
            pair = current.numeric[name], reference.numeric[name]
            found[name] = table.of_numbers(Numbers(name, binning.numeric[name], *pair, asked))
        else:
            sides = current.categorical[name], reference.categorical[name]
            found[name] = table.of_categories(Categories(name, binning.categorical[name], *sides, asked))
    return found


def untold(found: Mapping[str, Cause], current: Profile) -> tuple[str, ...]:
    """Those of the features of which counts do not tell all: unseen names, and which value floods in."""
    return tuple(
        name
        for name, cause in found.items()
        if (name in current.numeric and cause.kind is Kind.DEFAULT_VALUE)
        or (name in current.categorical and current.categorical[name].other > 0)
    )
