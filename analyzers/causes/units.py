"""Values in another unit: a known conversion, a sign, or a factor or an offset far from nothing.

Values in another unit are mostly out of the reference's range, where counts tell nothing. So a conversion is chosen by
the exact mean and standard deviation, and must agree with the counts as well. What two moments leave unexplained is
told by the squared 2-Wasserstein distance of distributions of one shape, `(m1 - m2)^2 + (s1 - s2)^2`.
Source: Gelbrich 1990, https://doi.org/10.1002/mana.19901470121.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from .cause import Guess, Kind, number, percent
from .numbers import Numbers

FAR_FACTOR = 4.0
FAR_OFFSET = 4.0
"""Conversions by such a factor, or over so many standard deviations, are no natural change: they may fit loosely."""
WANDER = 0.3
"""What windows differ by on their own, in standard deviations, is allowed to far conversions."""
UNKNOWN_FACTOR = 8.0
UNKNOWN_OFFSET = 12.0
"""From here on a change without a name is told as one: seasons move a mean by a few standard deviations."""
PRECISE = 0.02
"""So exactly must the mean of values be known where a conversion is not far from a natural change of scale."""
APART = 1.5
"""So many standard deviations must a change of sign move the mean."""
FEWEST = 30


@dataclass(frozen=True, slots=True)
class Conversion:
    """Values are `factor * x + offset` where the reference has x."""

    factor: float
    offset: float
    what: str
    kind: Kind = Kind.UNIT

    @property
    def formula(self) -> str:
        """As in `x 1.8 + 32`."""
        parts = [f"x {number(self.factor)}"] if self.factor != 1 else []
        if self.offset:
            parts.append(f"{'+' if self.offset > 0 else '-'} {number(abs(self.offset))}")
        return " ".join(parts)


def _both(factor: float, offset: float, new: str, old: str) -> tuple[Conversion, Conversion]:
    there = Conversion(factor, offset, f"{new} where the reference has {old}")
    back = Conversion(1 / factor, -offset / factor, f"{old} where the reference has {new}")
    return there, back


KNOWN: tuple[Conversion, ...] = (
    Conversion(-1.0, 0.0, "the reference's with the other sign", Kind.SIGN),
    *chain(
        _both(1.8, 32.0, "Fahrenheit", "Celsius"),
        _both(1.0, 273.15, "Kelvin", "Celsius"),
        _both(1.8, -459.67, "Fahrenheit", "Kelvin"),
        _both(100.0, 0.0, "hundredths (cents, percent, centimetres)", "whole units"),
        _both(1_000.0, 0.0, "thousandths (milliseconds, grams, metres)", "whole units"),
        _both(1e6, 0.0, "millionths (microseconds)", "whole units"),
        _both(1e9, 0.0, "billionths (nanoseconds)", "whole units"),
        _both(60.0, 0.0, "seconds (minutes)", "minutes (hours)"),
        _both(3_600.0, 0.0, "seconds", "hours"),
        _both(86_400.0, 0.0, "seconds", "days"),
        _both(24.0, 0.0, "hours", "days"),
        _both(12.0, 0.0, "months (inches)", "years (feet)"),
        _both(1.609344, 0.0, "kilometres", "miles"),
        _both(2.20462, 0.0, "pounds", "kilograms"),
        _both(2.54, 0.0, "centimetres", "inches"),
        _both(3.28084, 0.0, "feet", "metres"),
        _both(3.6, 0.0, "kilometres per hour", "metres per second"),
        _both(3.785412, 0.0, "litres", "gallons"),
        _both(28.349523, 0.0, "grams", "ounces"),
    ),
)
"""Conversions that happen by mistake, each in both directions."""


def conversions(change: Numbers) -> Iterator[Guess]:
    """The conversion that fits the moments best, where one fits."""
    now, before = change.now, change.before
    if min(now.count, before.count) < FEWEST or before.variance == 0 or now.variance == 0:
        return
    fitting = [(_explained(change, each), each) for each in KNOWN if _fits(change, each)]
    if not fitting:
        fitting = [(_explained(change, each), each) for each in _unknown(change) if _fits(change, each)]
    if not fitting:
        return
    share, chosen = max(fitting, key=lambda pair: pair[0])
    predicted = change.transformed(lambda x: chosen.factor * x + chosen.offset)
    text = f"values look like {chosen.what} ({chosen.formula} explains {percent(share)} of the shift)"
    yield Guess(chosen.kind, text, predicted, fit=share)


def _unknown(change: Numbers) -> Iterator[Conversion]:
    """A factor or an offset without a name."""
    now, before = change.now, change.before
    factor = now.mean / before.mean if before.mean else 1.0
    if factor > 0 and max(factor, 1 / factor) >= UNKNOWN_FACTOR:
        yield Conversion(factor, 0.0, f"{number(factor)} times the reference's")
    offset = now.mean - before.mean
    if abs(offset) >= UNKNOWN_OFFSET * math.sqrt(before.variance):
        yield Conversion(1.0, offset, "the reference's with something added")


def _explained(change: Numbers, conversion: Conversion) -> float:
    now, before = change.now, change.before
    mean, deviation = conversion.factor * before.mean + conversion.offset, _spread(change, conversion)
    left = (now.mean - mean) ** 2 + (math.sqrt(now.variance) - deviation) ** 2
    all_of_it = (now.mean - before.mean) ** 2 + (math.sqrt(now.variance) - math.sqrt(before.variance)) ** 2
    return max(0.0, 1.0 - left / all_of_it) if all_of_it > 0 else 0.0


def _spread(change: Numbers, conversion: Conversion) -> float:
    return abs(conversion.factor) * math.sqrt(change.before.variance)


def _fits(change: Numbers, conversion: Conversion) -> bool:
    """Whether mean and standard deviation are the converted ones, within sampling error and what windows wander."""
    now, before = change.now, change.before
    spread, mean = _spread(change, conversion), conversion.factor * before.mean + conversion.offset
    factor = abs(conversion.factor)
    distance = math.hypot(mean - before.mean, spread - math.sqrt(before.variance)) / math.sqrt(before.variance)
    far = max(factor, 1 / factor) >= FAR_FACTOR or distance >= FAR_OFFSET
    error = spread * math.sqrt(1 / now.count + 1 / before.count)
    if conversion.kind is Kind.SIGN:
        plain = distance >= APART
    else:
        # In a mean that is nothing beside the spread there is no factor to be seen.
        plain = far or (distance >= 0.5 and abs(mean) >= spread / 2 and error <= PRECISE * abs(mean))
    allowed = 3 * error + (WANDER * spread if far else 0.0)
    wide = math.sqrt((change.pieces.kurtosis() - 1) / 4 * (1 / now.count + 1 / before.count))
    ratio = abs(math.log(math.sqrt(now.variance) / spread))
    return plain and abs(now.mean - mean) <= allowed and ratio <= 3 * wide + (WANDER if far else 0.02)
