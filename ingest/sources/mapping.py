"""mapping.yml: which column of a table is which field of an event."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from ..events import EventError, Outcome, Prediction

PREDICTION_FIELDS = ("model", "version", "task", "label", "score", "value", "duration", "trace_id")
ANSWERS = ("label", "score", "value", "probabilities")
FIELDS = ("id", "timestamp", *PREDICTION_FIELDS, "outcome", "outcome_timestamp")
KEYS = (*FIELDS, "probabilities", "features", "segments", "timezone")
REST = "rest"

EXAMPLE = """\
# Which column is which. A name is a column; {value: x} is the same for every row. Leave out what the file has not.
id: prediction_id               # left out: made from the row, so that loading it again stores nothing twice
timestamp: predicted_at         # when the prediction was made
timezone: UTC                   # of times that name none
model: {value: churn}
version: model_version
task: {value: binary}           # binary, multiclass or regression
label: predicted_class          # the predicted class
score: probability              # binary: probability of the positive class
# probabilities: {cat: p_cat}   # multiclass: probability per class
# value: predicted_amount       # regression: the predicted number
# duration: seconds             # how long the prediction took, in seconds
outcome: actual_class           # what came true; empty where it is not known
outcome_timestamp: known_at     # when that became known; left out: together with the prediction
features: rest                  # all other columns; or a list of columns; or names with their columns
segments: [region, channel]     # groups to analyse one by one
"""


class MappingError(ValueError):
    """A mapping is wrong; the text names file, path in the file, value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Field:
    """Where a field comes from: a column, or the same value for every row."""

    column: str | None = None
    value: Any = None

    def of(self, row: Mapping[str, Any]) -> Any:
        """The field's value in a row; None where the cell is empty."""
        if self.column is None:
            return self.value
        found = row.get(self.column)
        return None if found == "" else found


@dataclass(frozen=True, slots=True)
class TableMapping:
    """Which column is which.

    Attributes:
        fields: Single fields by name.
        probabilities: Column per class.
        features: Column per feature; None: every column that is nothing else.
        segments: Column per segment.
        timezone: Of times that name none.
    """

    fields: Mapping[str, Field]
    probabilities: Mapping[str, Field] = field(default_factory=dict)
    features: Mapping[str, Field] | None = field(default_factory=dict)
    segments: Mapping[str, Field] = field(default_factory=dict)
    timezone: tzinfo = UTC

    @property
    def columns(self) -> set[str]:
        """The columns that are named."""
        groups = (self.fields, self.probabilities, self.features or {}, self.segments)
        return {found.column for group in groups for found in group.values() if found.column is not None}

    @property
    def predicts(self) -> bool:
        """Whether rows hold predictions, and not outcomes alone."""
        return bool(self.probabilities) or any(name in self.fields for name in ANSWERS)

    def events(self, row: Mapping[str, Any], number: int) -> Iterator[Prediction | Outcome]:
        """The prediction and the outcome in a row.

        Raises:
            EventError: The row lacks what an event needs.
        """
        found = {name: place.of(row) for name, place in self.fields.items()}
        identity = found.get("id") if "id" in self.fields else _identity(row, number)
        if identity is None:
            msg = f"id: column {self.fields['id'].column!r} is empty"
            raise EventError(msg)
        moment = self._moment(found.get("timestamp"))
        if self.predicts:
            yield self._prediction(row, found, str(identity), moment)
        if found.get("outcome") is not None:
            known = self._moment(found.get("outcome_timestamp")) or moment
            actual = "value" if found.get("task") == "regression" or "value" in self.fields else "label"
            outcome = _number("outcome", found["outcome"]) if actual == "value" else _label(found["outcome"])
            model = found.get("model")
            yield Outcome(id=str(identity), timestamp=known, model=model, **{actual: outcome})

    def _prediction(self, row: Mapping[str, Any], found: Mapping[str, Any], identity: str, moment: Any) -> Prediction:
        given: dict[str, Any] = {name: found[name] for name in PREDICTION_FIELDS if found.get(name) is not None}
        for name in ("score", "value", "duration"):
            if name in given:
                given[name] = _number(name, given[name])
        for name in ("version", "trace_id", "label"):
            if name in given:
                given[name] = _label(given[name])
        for name in ("model", "task"):
            if name not in given:
                msg = f"{name} is missing"
                raise EventError(msg)
        if moment is None:
            msg = "timestamp is missing"
            raise EventError(msg)
        probabilities = {name: _number(name, place.of(row)) for name, place in self.probabilities.items()}
        segments = {
            name: _label(value) for name, place in self.segments.items() if (value := place.of(row)) is not None
        }
        return Prediction(
            id=identity,
            timestamp=moment,
            probabilities=probabilities or None,
            features={name: _cell(place.of(row)) for name, place in self._features(row).items()},
            segments=segments,
            **given,
        )

    def _features(self, row: Mapping[str, Any]) -> Mapping[str, Field]:
        if self.features is not None:
            return self.features
        taken = self.columns
        return {name: Field(name) for name in row if name not in taken}

    def _moment(self, value: Any) -> Any:
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                return value
        if isinstance(value, datetime) and value.tzinfo is None:
            return value.replace(tzinfo=self.timezone)
        return value


def load(path: Path) -> TableMapping:
    """Read a mapping.

    Raises:
        MappingError: The file cannot be read, or says something that is not allowed.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read: {error}"
        raise MappingError(msg) from error
    except yaml.YAMLError as error:
        msg = f"{path}: not valid YAML: {' '.join(str(error).split())}"
        raise MappingError(msg) from error
    return parse(content, str(path))


def parse(content: Any, file: str = "mapping.yml") -> TableMapping:
    """The mapping in the content of a mapping file.

    Raises:
        MappingError: It says something that is not allowed.
    """
    if not isinstance(content, Mapping):
        _refuse(file, "top level", content, "a mapping of fields to columns; --example-mapping shows one")
    for key in content:
        if key not in KEYS:
            close = difflib.get_close_matches(str(key), KEYS, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            _refuse(file, str(key), key, ", ".join(KEYS) + hint)
    fields = {name: _field(file, name, content[name]) for name in FIELDS if content.get(name) is not None}
    mapping = TableMapping(
        fields=fields,
        probabilities=_group(file, "probabilities", content.get("probabilities")),
        features=None if content.get("features") == REST else _group(file, "features", content.get("features")),
        segments=_group(file, "segments", content.get("segments")),
        timezone=_timezone(file, content.get("timezone")),
    )
    if not mapping.predicts and ("outcome" not in fields or "id" not in fields):
        needed = f"one of {', '.join(ANSWERS)}, or id and outcome"
        msg = f"{file}: neither predictions nor outcomes are mapped: {needed} is needed"
        raise MappingError(msg)
    if mapping.predicts and not {"timestamp", "model", "task"} <= fields.keys():
        missing = ", ".join(sorted({"timestamp", "model", "task"} - fields.keys()))
        msg = f"{file}: {missing} is missing; predictions need timestamp, model and task"
        raise MappingError(msg)
    return mapping


def check_columns(mapping: TableMapping, columns: Collection[str], mapping_file: str, table_file: str) -> None:
    """Whether the table has the columns that the mapping names.

    Raises:
        MappingError: One is not there.
    """
    for column in sorted(mapping.columns):
        if column not in columns:
            close = difflib.get_close_matches(column, columns, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            _refuse(mapping_file, "columns", column, f"the columns of {table_file}: {', '.join(columns)}{hint}")


def _refuse(file: str, path: str, got: Any, allowed: str) -> NoReturn:
    msg = f"{file}: {path}: got {got!r}, allowed: {allowed}"
    raise MappingError(msg)


def _field(file: str, path: str, content: Any) -> Field:
    if isinstance(content, str) and content:
        return Field(column=content)
    if isinstance(content, Mapping) and len(content) == 1:
        ((kind, given),) = content.items()
        if kind == "value" and isinstance(given, str | int | float):
            return Field(value=given)
        if kind == "column" and isinstance(given, str):
            return Field(column=given)
    _refuse(file, path, content, "a column's name, or {value: what every row has}")


def _group(file: str, path: str, content: Any) -> dict[str, Field]:
    if content is None:
        return {}
    if isinstance(content, Mapping):
        return {str(name): _field(file, f"{path}.{name}", given) for name, given in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str):
        return {str(name): _field(file, f"{path}[{index}]", name) for index, name in enumerate(content)}
    _refuse(
        file, path, content, "a list of columns, or names with their columns" + (", or rest" * (path == "features"))
    )


def _timezone(file: str, content: Any) -> tzinfo:
    try:
        return ZoneInfo(str(content)) if content is not None else UTC
    except (ZoneInfoNotFoundError, ValueError):
        _refuse(file, "timezone", content, "a name of the IANA time zone database, such as UTC or Europe/Berlin")


def _identity(row: Mapping[str, Any], number: int) -> str:
    content = "\x1f".join(f"{name}={row[name]}" for name in sorted(row))
    return hashlib.sha256(f"{number}\x1f{content}".encode()).hexdigest()[:32]


def _number(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        msg = f"{name}: got {value!r}, allowed: a number"
        raise EventError(msg) from None


def _label(value: Any) -> Any:
    # A float that is whole is how tables with missing values store integers.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _cell(value: Any) -> Any:
    """A feature's cell: texts that are numbers are numbers, since CSV knows only texts."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value
