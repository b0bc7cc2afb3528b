"""How the labels of a window came: the part of a stored profile that tells it, read without the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import IntArray
from .binning import DELAY_EDGES
from .store import unpack

FIELDS = ("profile.predictions", "profile.delay", "profile.positive_delay")
"""Where it stands in the document of a stored window."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How the labels of one window came; the fields are those of `Profile`."""

    predictions: int
    delay: IntArray
    positive_delay: IntArray

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Arrivals:
        """Those of a stored profile."""
        like = np.zeros(len(DELAY_EDGES) + 1, np.int64)
        delay, positive = (unpack(document[name], like) for name in ("delay", "positive_delay"))
        return cls(document["predictions"], delay, positive)
