"""monitors.yml: what to monitor and how, read into frozen, validated configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import yaml

from driftline.ingest.streams import Streams

from .alerts.delivery.settings import Notify
from .alerts.impact import Costs
from .alerts.notices import Repeat
from .alerts.patience import Patience
from .alerts.places import Places
from .budget import Budget
from .firing import Rule
from .maturity import Early, Labels
from .measures import Measure, Task, Threshold
from .measures_setting import read_measures
from .moving import Moving
from .objectives.setting import Objective, read_objectives
from .profiles.request import CROSS
from .reference_setting import read_reference
from .settings import ConfigError, Node
from .training.stored import TrainingSet
from .windows import Window, WindowSize

JUDGING = 7
"""Counts how often judging, or what it stores, has changed, so that windows judged in an older way are judged again."""
DEFAULT_BUDGET = "1 per month"
FEATURE_KINDS = ("numeric", "categorical")


@dataclass(frozen=True, slots=True)
class Fairness:
    """Whose fair treatment is measured.

    Attributes:
        attributes: Segments whose values are the groups of a protected attribute, intersections among them.
        minimum_group: Predictions that a group must have to be compared.
    """

    attributes: tuple[str, ...] = ()
    minimum_group: int = 50


@dataclass(frozen=True, slots=True)
class Sampling:
    """What is fetched for the measure that looks at rows.

    Attributes:
        rows: At most so many of a window, and of its reference.
        window: Size of the windows that it looks at.
    """

    rows: int
    window: WindowSize


@dataclass(frozen=True, slots=True)
class Model:
    """What to monitor of one model.

    Attributes:
        name: `model.name` of its predictions.
        task: What kind of answer it gives.
        positive_class: The class that scores are of (binary only).
        window: Size of the windows that are analysed.
        rollups: Larger windows, made as sums.
        lateness: How long after its end a window waits for events still on their way.
        reference: What windows are compared with: a fixed period, one that moves, or a training set; None: nothing.
        features: Kind (`numeric` or `categorical`) by feature; None: found in the data.
        segments: Segments that are also analysed one by one.
        measures: What is measured.
        thresholds: Per measure, when it is worth a word; a measure left out is recorded only.
        false_alarms: How many false alarms are allowed.
        alpha: False discovery rate of one window's tests; None: it follows from `false_alarms`.
        alarm: How many bad windows make an alarm.
        labels: What verdicts that need labels wait for.
        fairness: Whose fair treatment is measured.
        sampling: What is fetched for the measure that looks at rows.
        costs: What wrong predictions cost, and from which loss on people are called.
        patience: How long trouble must last before it calls.
        repeat: When people are told again of what is still on.
        objectives: What is promised of it.
        places: Where links in alerts lead.
    """

    name: str
    task: Task
    positive_class: str | None
    window: WindowSize
    rollups: tuple[WindowSize, ...]
    lateness: timedelta
    reference: Window | Moving | TrainingSet | None
    features: Mapping[str, str] | None
    segments: tuple[str, ...]
    measures: tuple[Measure, ...]
    thresholds: Mapping[str, Threshold]
    false_alarms: Budget
    alpha: float | None
    alarm: Rule
    labels: Labels
    fairness: Fairness
    sampling: Sampling
    costs: Costs
    patience: Patience
    repeat: Repeat
    objectives: tuple[Objective, ...]
    places: Places = field(default_factory=Places)

    @property
    def judging(self) -> str:
        """A digest of all that verdicts depend on beside the data: when it changes, windows are judged again."""
        parts = (
            JUDGING,
            *(self.task, self.positive_class, self.reference, self.segments, self.objectives),
            *(self.false_alarms, self.alpha, self.rollups, self.alarm, self.labels, self.fairness, self.sampling),
        )
        measured = [(measure.name, self.thresholds.get(measure.name)) for measure in self.measures]
        return hashlib.sha256(repr((parts, measured)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Monitors:
    """The content of one monitors.yml."""

    streams: Streams
    models: tuple[Model, ...]
    notify: Notify

    def select(self, name: str | None) -> Monitors:
        """Only the model of this name; all of them for None.

        Raises:
            ConfigError: No model has this name.
        """
        if name is None:
            return self
        chosen = tuple(model for model in self.models if model.name == name)
        if not chosen:
            known = ", ".join(model.name for model in self.models)
            msg = f"--model: got {name!r}, allowed: {known}"
            raise ConfigError(msg)
        return replace(self, models=chosen)


def load(path: Path, namespace: str | None = None) -> Monitors:
    """Read a monitors.yml; `namespace` overrides the one in the file.

    Raises:
        ConfigError: The file cannot be read, or says something that is not allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        msg = f"{path}: cannot be read: {reason}; `driftline init` writes a first one"
        raise ConfigError(msg) from error
    return parse(text, str(path), namespace)


def parse(text: str, file: str = "monitors.yml", namespace: str | None = None) -> Monitors:
    """The configuration in the text of a monitors.yml.

    Raises:
        ConfigError: The text is not YAML, or says something that is not allowed.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        msg = f"{file}:{where} not valid YAML: {getattr(error, 'problem', None) or error}"
        raise ConfigError(msg) from error
    root = Node(file, "", content)
    root.keys({"version", "namespace", "models", "kibana", "alerts", "notify"}, required={"models"})
    if (version := root.get("version")) is not None and version.value != 1:
        version.refuse("1")
    chosen = namespace or (node.text() if (node := root.get("namespace")) else "default")
    try:
        streams = Streams(chosen)
    except ValueError as error:
        msg = f"{file}: namespace: {error}"
        raise ConfigError(msg) from error
    places = Places.parse(root)
    models = tuple(replace(_model(node), places=places) for node in root["models"].items())
    if not models:
        root["models"].refuse("a list of at least one model")
    names = [model.name for model in models]
    for position, name in enumerate(names):
        if name in names[:position]:
            root["models"].refuse(f"each model once, {name!r} stands there twice")
    return Monitors(streams, models, Notify.parse(root.get("notify")))


_KEYS = {
    "name", "task", "positive_class", "window", "rollups", "lateness", "reference",
    "features", "segments", "measures", "false_alarms", "alpha", "alarm", "labels", "fairness", "sampling",
    "impact", "wait", "repeat", "objectives",
}  # fmt: skip


def _model(node: Node) -> Model:
    node.keys(_KEYS, required={"name", "task", "window"})
    task = Task(node["task"].choice([task.value for task in Task]))
    positive = node.get("positive_class")
    if task is Task.BINARY and positive is None:
        msg = f"{node.file}: {node.path}: positive_class is missing; a binary model needs the class its score is of"
        raise ConfigError(msg)
    if task is not Task.BINARY and positive is not None:
        positive.refuse(f"nothing: only a binary model has a positive class, this one is {task}")
    window = node["window"].size()
    fairness = _fairness(node.get("fairness"), task)
    measures, thresholds = read_measures(node.get("measures"), task, fair=bool(fairness.attributes))
    named = [_segment(item) for item in node.list("segments")]
    budget, alpha = _budget(node)
    rollups = tuple(_rollup(item, window) for item in node.list("rollups"))
    lateness = node.get("lateness")
    return Model(
        name=node["name"].text(),
        task=task,
        positive_class=positive.label() if positive else None,
        window=window,
        rollups=rollups,
        lateness=lateness.length() if lateness else timedelta(0),
        reference=read_reference(node.get("reference"), window),
        features=_features(node.get("features")),
        segments=_with_parts([*named, *fairness.attributes]),
        measures=measures,
        thresholds=thresholds,
        false_alarms=budget,
        alpha=alpha,
        alarm=_alarm(node.get("alarm")),
        labels=_labels(node.get("labels"), task),
        fairness=fairness,
        sampling=_sampling(node.get("sampling"), window, rollups),
        costs=Costs.parse(node.get("impact"), task),
        patience=Patience.parse(node.get("wait")),
        repeat=Repeat.parse(node.get("repeat")),
        objectives=read_objectives(node, task, measures, fairness.attributes),
    )


def _budget(node: Node) -> tuple[Budget, float | None]:
    alarms, alpha = node.get("false_alarms"), node.get("alpha")
    if alarms and alpha:
        alpha.refuse("either alpha or false_alarms, which is turned into one")
    try:
        budget = Budget.parse(alarms.text() if alarms else DEFAULT_BUDGET)
    except ValueError as error:
        msg = f"{node.file}: {node.path}.false_alarms: {error}"
        raise ConfigError(msg) from None
    return budget, alpha.number(low=0, high=1) if alpha else None


def _alarm(node: Node | None) -> Rule:
    if node is None:
        return Rule()
    node.keys({"fire", "clear"})
    fire, clear = node.get("fire"), node.get("clear")
    try:
        rule = Rule.parse(fire.text()) if fire else Rule()
    except ValueError as error:
        msg = f"{node.file}: {node.path}.fire: {error}"
        raise ConfigError(msg) from None
    return replace(rule, clear=clear.whole(low=1, high=100)) if clear else rule


def _labels(node: Node | None, task: Task) -> Labels:
    default = Labels()
    if node is None:
        return default
    node.keys({"maturity", "delay", "early"})
    maturity, delay, early = (node.get(key) for key in ("maturity", "delay", "early"))
    told = Labels(
        maturity=maturity.number(low=0.1, high=1) if maturity else default.maturity,
        delay=delay.length() if delay else None,
        early=Early(early.choice([way.value for way in Early])) if early else default.early,
    )
    if early and told.early is Early.WEIGH and task is not Task.BINARY:
        early.refuse(f"{Early.WAIT}; labels are weighed by their class, which is told of binary models only")
    return told


def _segment(node: Node) -> str:
    name = node.text()
    if not all(part and part == part.strip() for part in name.split(CROSS)):
        node.refuse(f"the name of a segment, or of several with {CROSS!r} between them, such as sex*age_band")
    return name


def _with_parts(names: Iterable[str]) -> tuple[str, ...]:
    """Each segment once, those that intersections are made of before them."""
    given = list(names)
    parts = [part for name in given for part in name.split(CROSS)]
    return tuple(dict.fromkeys([*parts, *(name for name in given if CROSS in name)]))


def _fairness(node: Node | None, task: Task) -> Fairness:
    if node is None:
        return Fairness()
    node.keys({"attributes", "minimum_group"}, required={"attributes"})
    if task is not Task.BINARY:
        node.refuse(f"nothing: fairness is measured of binary models, this one is {task}")
    minimum = node.get("minimum_group")
    attributes = tuple(_segment(item) for item in node.list("attributes"))
    if not attributes:
        node["attributes"].refuse("a list of at least one segment")
    return Fairness(attributes, minimum.whole(low=2, high=1_000_000) if minimum else Fairness().minimum_group)


def _sampling(node: Node | None, window: WindowSize, rollups: Sequence[WindowSize]) -> Sampling:
    default = Sampling(1_000, window)
    if node is None:
        return default
    node.keys({"rows", "window"})
    rows, size = node.get("rows"), node.get("window")
    sizes = {known.text: known for known in (window, *rollups)}
    return Sampling(
        rows=rows.whole(low=100, high=10_000) if rows else default.rows,
        window=sizes[size.choice(list(sizes))] if size else default.window,
    )


def _rollup(node: Node, window: WindowSize) -> WindowSize:
    size = node.size()
    if not size.holds(window):
        node.refuse(f"a size that is a whole number of windows of {window.text}")
    return size


def _features(node: Node | None) -> dict[str, str] | None:
    if node is None:
        return None
    return {name: node[name].choice(FEATURE_KINDS) for name in node.mapping()}
