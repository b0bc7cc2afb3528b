"""What each window is judged by: its reference, which may move with it, and what that teaches about quiet windows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from . import references
from .maturity import Maturity
from .verdicts import Standard, larger, standard
from .windows import Window, iso

if TYPE_CHECKING:
    from datetime import datetime

    from .monitors import Model
    from .profiles.history import Counted, History, Kept
    from .references import Reference
    from .windows import WindowSize


class Yardstick:
    """What the windows of one model are judged by, worked out when it is first asked for.

    Args:
        history: The stored windows; those that references are made of must be there.
        model: The model.
        frame: Its reference, as `references.resolve` gave it.
        now: When it is.
    """

    def __init__(self, history: History, model: Model, frame: Reference, now: datetime) -> None:
        self._history = history
        self._model = model
        self._frame = frame
        self._kept = sorted(history.kept(model.window.text).values(), key=lambda kept: (kept.window, kept.version))
        self._since: datetime | None = self._kept[0].window.start if self._kept else None
        self._contents: dict[Window, str] = {}
        self._reference: Reference = frame
        self._standards: dict[str, Standard] = {}
        measured = any(measure.needs_labels or measure.needs_all_labels for measure in model.measures)
        self.waits = measured or any(objective.needs_labels for objective in model.objectives)
        arrivals = history.arrivals(model.window.text, frame.counting.binning) if self.waits else ()
        self.maturity = Maturity.learn(model.labels, arrivals, now)

    def digest(self, window: Kept) -> str:
        """A digest of all that verdicts on a window depend on beside its own data."""
        period, content = self.period(window.window), self._frame.content
        if self._frame.moving and period is not None:
            if period not in self._contents:
                inside = (kept for kept in self._kept if period.start <= kept.window.start < period.end)
                text = "".join(f"{iso(kept.window.start)}/{kept.version}={kept.content};" for kept in inside)
                self._contents[period] = hashlib.sha256(text.encode()).hexdigest()[:16]
            content = self._contents[period]
        ripeness = self.maturity.of(window.window, window.predictions, window.labelled)
        parts = f"{self._model.judging}/{content}/{self._frame.counting.binning.version}/{ripeness}"
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def period(self, window: Window) -> Window | None:
        """The period that a window is compared with; None as long as the data does not fill one."""
        if self._frame.moving is None:
            return self._frame.period
        period = self._frame.moving.period(window)
        return period if self._since is not None and self._since.date() <= period.start.date() else None

    def of(self, window: Window, size: WindowSize) -> tuple[Reference, Standard]:
        """The reference of a window, and what quiet windows of its size look like.

        Those of one period are kept, so that windows are best asked for in order of time.
        """
        period = self.period(window)
        if self._frame.moving and period != self._reference.period:
            self._standards = {}
            self._reference = self._frame
            if period is not None:
                self._reference = references.moved(self._history, self._model, self._frame, period)
        if size.text not in self._standards:
            self._standards[size.text] = self._standard(size)
        return self._reference, self._standards[size.text]

    def _standard(self, size: WindowSize) -> Standard:
        if size == self._model.window:
            return standard(self._model, self._reference, self._quiet(size))
        if self._model.window.text not in self._standards:
            self._standards[self._model.window.text] = self._standard(self._model.window)
        base = self._standards[self._model.window.text]
        return larger(self._model, self._reference, base, size, self._quiet(size))

    def _quiet(self, size: WindowSize) -> Iterator[Counted]:
        period = self._reference.period
        if period is None:
            return
        for window in self._history.windows(size.text, period, self._frame.counting.binning):
            unlike = self._frame.moving is not None and self._frame.moving.is_holiday(window.window)
            if window.window.end <= period.end and not unlike:
                yield window
