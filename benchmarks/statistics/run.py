"""`make bench-statistics`: are the numbers right, the intervals honest, and the alarms few? All of it simulated.

Each part is a module with a function `figures`; a part can be run alone, and then writes no file.
"""

from __future__ import annotations

from benchmarks.parts import command
from benchmarks.statistics import causes, coverage, judging, labels, month, power

PARTS = {
    "judging": judging.figures,
    "month": month.figures,
    "power": power.figures,
    "labels": labels.figures,
    "causes": causes.figures,
    "coverage": coverage.figures,
}

if __name__ == "__main__":
    command("statistics", PARTS)()
