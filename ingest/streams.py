"""Names of the data streams and indices of one namespace."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .events import Dataset

ANALYZER = "driftline.analyzer"
"""Dataset of what the analyzer tells of itself: no service writes it."""
_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9_.]{0,99}")


@dataclass(frozen=True, slots=True)
class Streams:
    """Names of the data streams and indices of one namespace."""

    namespace: str = "default"

    def __post_init__(self) -> None:
        if not _NAMESPACE.fullmatch(self.namespace):
            msg = f"got {self.namespace!r}, allowed: lower-case letters, digits, `_` and `.`, at most 100, no `-`"
            raise ValueError(msg)

    @property
    def predictions(self) -> str:
        """One document per prediction."""
        return self.of(Dataset.PREDICTIONS)

    @property
    def outcomes(self) -> str:
        """One document per reported outcome."""
        return self.of(Dataset.OUTCOMES)

    @property
    def changes(self) -> str:
        """One document per change."""
        return self.of(Dataset.CHANGES)

    @property
    def deadletter(self) -> str:
        """What could not be stored."""
        return self.of(Dataset.DEADLETTER)

    @property
    def shipper(self) -> str:
        """How the shippers of services do."""
        return self.of(Dataset.SHIPPER)

    @property
    def analyzer(self) -> str:
        """How analyses went."""
        return self.of(ANALYZER)

    @property
    def profiles(self) -> str:
        """Window profiles, references and bins."""
        return f"driftline-profiles-{self.namespace}"

    @property
    def metrics(self) -> str:
        """The monitoring index."""
        return f"driftline-metrics-{self.namespace}"

    @property
    def distributions(self) -> str:
        """Distributions beside those of the reference, a document per bin."""
        return f"driftline-distributions-{self.namespace}"

    @property
    def alerts(self) -> str:
        """The state of alerts."""
        return f"driftline-alerts-{self.namespace}"

    def of(self, dataset: str) -> str:
        """The data stream of a kind of document."""
        return f"logs-{dataset}-{self.namespace}"
