"""Labelled incidents and quiet weeks, replayed: what is found, what is not, and what is raised without a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.alerts.faults import Scene, scenes
from benchmarks.alerts.rules import RIVALS, Alarm, Judge, ours
from benchmarks.alerts.world import HOUR, REFERENCE, START, World
from benchmarks.figures import Figure

from driftline.analyzers.alerts.records import Severity

SEED = 7
QUIET_SEEDS = (11, 12, 13)
MONTH = 30 * 24
GRACE = 6
"""Hours after its end in which an alarm still tells of a fault."""
OURS = "Driftline"


@dataclass(slots=True)
class Score:
    """How one way of raising alarms did.

    Attributes:
        found: Faults found.
        faults: Faults there were.
        right: Alarms that told of a fault.
        alarms: All alarms.
        hours: Hours until each fault was found.
    """

    found: int = 0
    faults: int = 0
    right: int = 0
    alarms: int = 0
    hours: list[float] = field(default_factory=list)

    def add(self, scene: Scene | None, alarms: Sequence[Alarm]) -> None:
        """Count one scene; None is a quiet one."""
        self.alarms += len(alarms)
        if scene is None:
            return
        begins, ends = START + scene.begins * HOUR, START + (scene.ends + GRACE) * HOUR
        inside = [alarm for alarm in alarms if begins < alarm.at <= ends]
        self.faults += 1
        self.right += len(inside)
        if inside:
            self.found += 1
            self.hours.append((min(alarm.at for alarm in inside) - begins) / HOUR)

    @property
    def precision(self) -> float:
        """Share of the alarms that told of a fault; 0 without any."""
        return self.right / self.alarms if self.alarms else 0.0

    @property
    def recall(self) -> float:
        """Share of the faults that were found."""
        return self.found / self.faults if self.faults else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def figures(say: Callable[[str], None]) -> list[Figure]:
    """The part's figures."""
    scores = {name: Score() for name in (OURS, *RIVALS)}
    pages = quiet_incidents = named = 0
    judge, world = _judge(SEED, REFERENCE + MONTH)
    for scene in scenes(REFERENCE):
        windows = world.profiles(REFERENCE, scene.hours, judge.reference.counting.binning, scene.fault)
        documents = list(judge.documents(windows))
        alarms, _ = ours(documents)
        before = scores[OURS].found
        _count(scores, scene, alarms, documents)
        found = scores[OURS].found > before
        rightly = any(alarm.kind in scene.kinds for alarm in alarms)
        named += found and rightly
        told = f"after {scores[OURS].hours[-1]:g} h, as {', '.join(sorted({str(a.kind) for a in alarms}))}"
        say(f"  {scene.name}: {told if found else 'not found'}")
    for seed in QUIET_SEEDS:
        judge, world = _judge(seed, REFERENCE + MONTH)
        windows = world.profiles(REFERENCE, MONTH, judge.reference.counting.binning)
        documents = list(judge.documents(windows))
        alarms, made = ours(documents)
        _count(scores, None, alarms, documents)
        pages += made.count(Severity.PAGE)
        quiet_incidents += len(made.incidents)
        say(f"  quiet month {seed}: {len(made.incidents)} incidents, {made.count(Severity.PAGE)} pages")
    weeks = len(QUIET_SEEDS) * MONTH / (7 * 24)
    return [*_compared(scores), *_own(scores[OURS], named, pages, quiet_incidents, weeks)]


def _count(scores: dict[str, Score], scene: Scene | None, alarms: Sequence[Alarm], documents: Sequence[object]) -> None:
    scores[OURS].add(scene, alarms)
    for name, rule in RIVALS.items():
        scores[name].add(scene, rule(documents))  # type: ignore[arg-type]


def _judge(seed: int, hours: int) -> tuple[Judge, World]:
    world = World(seed, hours)
    binning = world.binning()
    return Judge(world.profiles(0, REFERENCE, binning), binning), world


def _compared(scores: dict[str, Score]) -> list[Figure]:
    best = max(scores[name].f1 for name in RIVALS)
    found = [Figure.at_least(f"labelled incidents: F1 of {OURS} beyond the best other", scores[OURS].f1 - best, 0.0)]
    for name, score in scores.items():
        found += [
            Figure(f"labelled incidents: F1 of {name}", round(score.f1, 4)),
            Figure(f"labelled incidents: precision of {name}", round(score.precision, 4)),
            Figure(f"labelled incidents: recall of {name}", round(score.recall, 4)),
            Figure(f"labelled incidents and three quiet months: alarms of {name}", score.alarms),
        ]
        if score.hours:
            found.append(Figure(f"labelled incidents: median hours until found by {name}", median(score.hours)))
    return found


def _own(score: Score, named: int, pages: int, incidents: int, weeks: float) -> list[Figure]:
    return [
        Figure(f"labelled incidents: of {score.faults}, found", score.found),
        Figure(f"labelled incidents: of {score.found} found, called what they were", named),
        Figure.at_most("quiet month: pages, on average", pages / len(QUIET_SEEDS), 1),
        Figure("quiet month: incidents of any kind, on average", round(incidents / len(QUIET_SEEDS), 2)),
        Figure("quiet weeks: pages a week", round(pages / weeks, 3)),
    ]
