"""`make bench-alerts`: are the right people called, for the right reason, and hardly ever for none?

Each part is a module with a function `figures`; a part can be run alone, and then writes no file.
"""

from __future__ import annotations

from benchmarks.alerts import storm, suite
from benchmarks.parts import command

if __name__ == "__main__":
    command("alerts", {"suite": suite.figures, "storm": storm.figures})()
