"""A budget of false alarms, turned into the level that a window's tests must pass.

Every window spends its share of the budget: with one false alarm allowed in a month, an hour may raise one with a
probability of 1/720. Spending at a constant rate keeps the rate of false alarms for however long one looks, which is
what people who are called ask for; it makes no statement over all time, which no monitor that runs for ever can keep
without going deaf (average run length, as in process control: Page 1954, https://doi.org/10.1093/biomet/41.1-2.100).
Within the window Benjamini-Hochberg shares the level among features, measures and segments; when nothing is wrong
anywhere, the probability that any of them passes is at most the level.

That holds if the p-values are right far out in the tail, where no history of some weeks can show it. So the quiet
windows are judged by each other, each by all others, and it is looked at which level would have raised an alarm, by the
rule of m of k windows: where small ones are more frequent than they should be, the level is lowered by as much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from .arrays import BoolArray, FloatArray

SECONDS = {"day": 86_400.0, "week": 7 * 86_400.0, "month": 365.25 / 12 * 86_400.0, "year": 365.25 * 86_400.0}
HIGHEST = 0.05
"""No window's level is higher, however large the budget or the window."""
TAIL = 0.2
"""The share of the quiet windows, those with the smallest q-values, whose tail is looked at."""
STEEPEST = 4.0


@dataclass(frozen=True, slots=True)
class Budget:
    """How many false alarms are allowed.

    Attributes:
        alarms: How many.
        period: In how many seconds.
        text: As written in monitors.yml.
    """

    alarms: float
    period: float
    text: str

    @classmethod
    def parse(cls, text: str) -> Budget:
        """A budget such as `1 per month`, `0.5 per week`.

        Raises:
            ValueError: The text is none.
        """
        number, per, unit = [*text.split(), "", "", ""][:3]
        try:
            alarms = float(number)
        except ValueError:
            alarms = -1.0
        if not 0 < alarms <= 1e6 or per != "per" or unit not in SECONDS or len(text.split()) != 3:
            msg = f"got {text!r}, allowed: a number above 0, `per`, and one of {', '.join(SECONDS)}"
            raise ValueError(msg)
        return cls(alarms, SECONDS[unit], text)

    def level(self, seconds: float, sizes: int) -> float:
        """The probability of a false alarm that a window may have.

        Args:
            seconds: Length of the window.
            sizes: How many sizes of windows share the budget.
        """
        return min(HIGHEST, self.alarms * seconds / self.period / sizes)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The level of one size of windows, and how it came about.

    Attributes:
        alpha: The level that q-values must pass.
        target: What the budget alone would make it.
        windows: Runs of quiet windows that were judged by each other.
        alarms: In how many of them an alarm would have been on.
    """

    alpha: float
    target: float
    windows: int = 0
    alarms: int = 0


def firing_q(p_values: FloatArray, beyond: BoolArray, fire: int, of: int) -> FloatArray:
    """The level at which each run of quiet windows would raise an alarm: in any series, m of its k windows pass.

    Args:
        p_values: Of each series in each window, shape (series, windows); NaN is no test.
        beyond: Whether the effect is beyond its floor, of the same shape.
        fire: How many windows must pass ...
        of: ... of so many.

    Returns:
        Shape (windows - of + 1,), or none; 1 where no level would do.
    """
    tested = np.isfinite(p_values)
    q: FloatArray = np.ones_like(p_values)
    for window in range(q.shape[1]):
        at = tested[:, window]
        if at.any():
            q[at, window] = stats.false_discovery_control(np.clip(p_values[at, window], 0.0, 1.0))
    q = np.where(beyond, q, 1.0)
    if q.shape[1] < of or not len(q):
        return np.ones(0)
    runs = np.lib.stride_tricks.sliding_window_view(q, of, axis=1)
    return np.asarray(np.partition(runs, fire - 1, axis=-1)[..., fire - 1].min(axis=0), np.float64)


def choose(target: float, smallest: FloatArray) -> Chosen:
    """The level at which quiet windows raise alarms as seldom as they should.

    `-ln q` of the smallest q-values is at most exponential with mean 1, when the p-values are right. The mean of its
    tail is estimated by Hill's estimator (1975, https://doi.org/10.1214/aos/1176343247) plus one standard error, and
    where it is larger the level is moved to where that tail reaches the target.

    Args:
        target: The level that the budget asks for.
        smallest: The q-value at which each run of quiet windows would raise an alarm, shape (runs,).
    """
    windows = len(smallest)
    count = int(TAIL * windows)
    alpha = target
    if count >= 2:
        heights = np.sort(-np.log(np.maximum(smallest, 1e-300)))[::-1]
        threshold = heights[count]
        slope = float((heights[:count] - threshold).mean()) * (1 + 1 / np.sqrt(count))
        slope = float(np.clip(slope, 1.0, STEEPEST))
        reached = threshold + slope * np.log(max(1.0, count / windows / target))
        alpha = float(min(target, np.exp(-reached))) if threshold > 0 else target
    return Chosen(alpha, target, windows, int((smallest < alpha).sum()))
