"""mapping.yml: which column of a table is which field of an event."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from ..checks import EventError
from ..events import Outcome, Prediction
from . import cells

PREDICTION_FIELDS = ("model", "version", "task", "label", "score", "value", "duration", "trace_id")
ANSWERS = ("label", "score", "value", "probabilities")
FIELDS = ("id", "timestamp", *PREDICTION_FIELDS, "outcome", "outcome_timestamp")
KEYS = (*FIELDS, "probabilities", "features", "texts", "ignore", "segments", "timezone")
TIMES = ("timestamp", "outcome_timestamp")
UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Units of times that are numbers since 1970, in parts of a second."""
REST = "rest"

EXAMPLE = """\
# Which column is which. A name is a column; {value: x} is the same for every row. Leave out what the file has not.
id: prediction_id               # left out: made from the row, so that loading it again stores nothing twice
timestamp: predicted_at         # when it was made: ISO 8601; numbers since 1970: {column: at, unit: s}, or ms, us, ns
timezone: UTC                   # of times that name none; left out: such times are refused
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
texts: [zip_code]               # features that are texts, though they look like numbers
ignore: [comment]               # columns that `rest` leaves out
segments: [region, channel]     # groups to analyse one by one
"""


class MappingError(ValueError):
    """A mapping is wrong; the text names file, path in the file, value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Field:
    """Where a field comes from: a column, or the same value for every row."""

    column: str | None = None
    value: Any = None
    unit: int | None = None

    def of(self, row: Mapping[str, Any]) -> Any:
        """The field's value in a row; None where the cell is empty."""
        if self.column is None:
            return self.value
        found = row.get(self.column)
        return None if found == "" or found != found else found  # noqa: PLR0124 (NaN is what differs from itself)


@dataclass(frozen=True, slots=True)
class TableMapping:
    """Which column is which.

    Attributes:
        fields: Single fields by name.
        probabilities: Column per class.
        features: Column per feature; None: every column that is nothing else.
        segments: Column per segment.
        texts: Columns of features that are texts, though they may look like numbers.
        ignore: Columns that are no features.
        numbers: Columns of features whose texts are numbers; None: the table has types, so that texts are texts.
        timezone: Of times that name none; None: they are refused.
    """

    fields: Mapping[str, Field]
    probabilities: Mapping[str, Field] = field(default_factory=dict)
    features: Mapping[str, Field] | None = field(default_factory=dict)
    segments: Mapping[str, Field] = field(default_factory=dict)
    texts: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    numbers: frozenset[str] | None = None
    timezone: tzinfo | None = None

    @property
    def columns(self) -> dict[str, str]:
        """The columns that make fields, each with the path in the mapping that names it."""
        groups = {
            "": self.fields,
            "probabilities.": self.probabilities,
            "features.": self.features or {},
            "segments.": self.segments,
        }
        return {
            place.column: f"{path}{name}"
            for path, group in groups.items()
            for name, place in group.items()
            if place.column is not None
        }

    @property
    def predicts(self) -> bool:
        """Whether rows hold predictions, and not outcomes alone."""
        return bool(self.probabilities) or any(name in self.fields for name in ANSWERS)

    def fitted(self, rows: Sequence[Mapping[str, Any]]) -> TableMapping:
        """The mapping for a table that holds nothing but texts: those of a feature are numbers where all of them are.

        Args:
            rows: The first rows of the table. One look at many keeps a feature of one type: a number here and a text
                there is what no later comparison can mend.
        """
        seen = {name: [row[name] for row in rows if row.get(name)] for name in self._taken(rows) - self.texts}
        return replace(
            self, numbers=frozenset(name for name, texts in seen.items() if all(map(cells.is_number, texts)))
        )

    def _taken(self, rows: Sequence[Mapping[str, Any]]) -> set[str]:
        """The columns that features come from."""
        if self.features is not None:
            return {found.column for found in self.features.values() if found.column is not None}
        return {name for row in rows for name in row} - self.columns.keys() - self.ignore

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
        moment = self._moment("timestamp", found)
        if self.predicts:
            if moment is None:
                msg = "timestamp is missing"
                raise EventError(msg)
            yield self.prediction(row, id=str(identity), timestamp=moment)
        if found.get("outcome") is not None:
            known = self._moment("outcome_timestamp", found) if "outcome_timestamp" in self.fields else moment
            if known is None:
                msg = "outcome_timestamp is missing: the row has an outcome, and not when it became known"
                raise EventError(msg)
            numeric = found.get("task") == "regression" or "value" in self.fields
            actual = outcome(found["outcome"], number=numeric)
            yield Outcome(id=str(identity), timestamp=known, model=found.get("model"), **actual)

    def prediction(self, row: Mapping[str, Any], **told: Any) -> Prediction:
        """The prediction in a row.

        Args:
            row: The row.
            **told: Fields that are known from elsewhere, in place of those of the row.

        Raises:
            EventError: The row lacks what a prediction needs.
        """
        found = {name: place.of(row) for name, place in self.fields.items() if name in PREDICTION_FIELDS}
        given: dict[str, Any] = {name: value for name, value in found.items() if value is not None} | told
        for name in ("score", "value", "duration"):
            if name in given:
                given[name] = cells.number(name, given[name])
        for name in ("model", "version", "trace_id"):
            if name in given:
                given[name] = cells.label(given[name])
        if "label" in given:
            given["label"] = cells.group(given["label"])
        for name in ("model", "task"):
            if name not in given:
                msg = f"{name} is missing"
                raise EventError(msg)
        probabilities = {name: cells.number(name, place.of(row)) for name, place in self.probabilities.items()}
        segments = {
            name: cells.group(value) for name, place in self.segments.items() if (value := place.of(row)) is not None
        }
        return Prediction(
            probabilities=probabilities or None,
            features={name: self._cell(place, row) for name, place in self._features(row).items()},
            segments=segments,
            **given,
        )

    def _features(self, row: Mapping[str, Any]) -> Mapping[str, Field]:
        if self.features is not None:
            return self.features
        taken = self.columns.keys() | self.ignore
        return {name: Field(name) for name in row if name not in taken}

    def _cell(self, place: Field, row: Mapping[str, Any]) -> Any:
        value = place.of(row)
        if place.column in self.texts:
            return cells.label(value)
        if self.numbers is None or not isinstance(value, str):
            return value
        if place.column not in self.numbers:
            return cells.TRUTHS.get(value, value)
        if value.lower() in cells.NO_NUMBER:
            return None
        return float(value) if cells.is_number(value) else value

    def _moment(self, name: str, found: Mapping[str, Any]) -> datetime | None:
        value = found.get(name)
        if value is None:
            return None
        moment = cells.moment(value, self.fields[name].unit, self.timezone)
        if moment is None:
            zone = "" if self.timezone else "; for times that name no zone, the mapping says `timezone: UTC`"
            msg = f"{name}: got {value!r}, allowed: an ISO 8601 time, or a number whose unit the mapping tells{zone}"
            raise EventError(msg)
        return moment


def outcome(value: Any, *, number: bool) -> dict[str, Any]:
    """What came true, in a cell, as the field of an `Outcome`.

    Raises:
        EventError: It should be a number, and is not.
    """
    return {"value": cells.number("outcome", value)} if number else {"label": cells.group(value)}


def load(path: Path, *, training: bool = False) -> TableMapping:
    """Read a mapping.

    Args:
        path: The file.
        training: Whether it is of a training set, which holds no events: without times, ids, or even predictions.

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
    return parse(content, str(path), training=training)


def parse(content: Any, file: str = "mapping.yml", *, training: bool = False) -> TableMapping:
    """The mapping in the content of a mapping file; the arguments are those of `load`.

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
    fields = {
        name: _field(file, name, content[name], time=name in TIMES) for name in FIELDS if content.get(name) is not None
    }
    for name in ("model", "version"):
        if name in fields and isinstance(fields[name].value, float):
            _refuse(file, f"{name}.value", fields[name].value, "a text, in quotes: 1.10 is the number 1.1")
    mapping = TableMapping(
        fields=fields,
        probabilities=_group(file, "probabilities", content.get("probabilities")),
        features=None if content.get("features") == REST else _group(file, "features", content.get("features")),
        segments=_group(file, "segments", content.get("segments")),
        texts=_names(file, "texts", content.get("texts")),
        ignore=_names(file, "ignore", content.get("ignore")),
        timezone=_timezone(file, content.get("timezone")),
    )
    if not training:
        _check_events(mapping, file)
    return mapping


def _check_events(mapping: TableMapping, file: str) -> None:
    fields = mapping.fields
    if not mapping.predicts and ("outcome" not in fields or "id" not in fields):
        needed = f"one of {', '.join(ANSWERS)}, or id and outcome"
        msg = f"{file}: neither predictions nor outcomes are mapped: {needed} is needed"
        raise MappingError(msg)
    if mapping.predicts and not {"timestamp", "model", "task"} <= fields.keys():
        missing = ", ".join(sorted({"timestamp", "model", "task"} - fields.keys()))
        msg = f"{file}: {missing} is missing; predictions need timestamp, model and task"
        raise MappingError(msg)


def check_columns(mapping: TableMapping, columns: Collection[str], mapping_file: str, table_file: str) -> None:
    """Whether the table has the columns that the mapping names.

    Raises:
        MappingError: One is not there.
    """
    taken = mapping.columns
    named = taken | dict.fromkeys(mapping.texts, "texts") | dict.fromkeys(mapping.ignore, "ignore")
    for column, path in named.items():
        if column not in columns:
            close = difflib.get_close_matches(column, columns, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            _refuse(mapping_file, path, column, f"the columns of {table_file}: {', '.join(columns)}{hint}")
    for column in columns if mapping.features is None and mapping.predicts else ():
        if column not in taken and column not in mapping.ignore and not _is_name(column):
            _refuse(
                mapping_file,
                "features",
                column,
                "names without dots, and without spaces at their ends; list the features as {name: column}, or put "
                "the column into `ignore`",
            )


def _is_name(name: str) -> bool:
    return bool(name) and "." not in name and name == name.strip()


def _refuse(file: str, path: str, got: Any, allowed: str) -> NoReturn:
    msg = f"{file}: {path}: got {got!r}, allowed: {allowed}"
    raise MappingError(msg)


def _field(file: str, path: str, content: Any, *, time: bool = False) -> Field:
    if isinstance(content, str) and content:
        return Field(column=content)
    if isinstance(content, Mapping) and len(content) == 1:
        ((kind, given),) = content.items()
        if kind == "value" and isinstance(given, str | int | float):
            return Field(value=given)
        if kind == "column" and isinstance(given, str):
            return Field(column=given)
    if time and isinstance(content, Mapping) and content.keys() == {"column", "unit"}:
        if content["unit"] not in UNITS:
            _refuse(file, f"{path}.unit", content["unit"], ", ".join(UNITS))
        return Field(column=str(content["column"]), unit=UNITS[content["unit"]])
    other = f"{{column: name, unit: {'|'.join(UNITS)}}}" if time else "{value: what every row has}"
    _refuse(file, path, content, f"a column's name, or {other}")


def _names(file: str, path: str, content: Any) -> frozenset[str]:
    if content is None:
        return frozenset()
    if isinstance(content, list) and all(isinstance(name, str) for name in content):
        return frozenset(content)
    _refuse(file, path, content, "a list of columns")


def _group(file: str, path: str, content: Any) -> dict[str, Field]:
    if content is None:
        return {}
    if isinstance(content, Mapping):
        found = {str(name): _field(file, f"{path}.{name}", given) for name, given in content.items()}
    elif isinstance(content, Sequence) and not isinstance(content, str):
        found = {str(name): _field(file, f"{path}[{index}]", name) for index, name in enumerate(content)}
    else:
        rest = ", or rest" if path == "features" else ""
        _refuse(file, path, content, f"a list of columns, or names with their columns{rest}")
    for name in found:
        if not _is_name(name):
            _refuse(
                file, path, name, "names without dots, and without spaces at their ends; rename it as {name: column}"
            )
    return found


def _timezone(file: str, content: Any) -> tzinfo | None:
    if content is None or content == "UTC":
        return None if content is None else UTC
    try:
        return ZoneInfo(str(content))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        _refuse(file, "timezone", content, "a name of the IANA time zone database, such as UTC or Europe/Berlin")


def _identity(row: Mapping[str, Any], number: int) -> str:
    content = "\x1f".join(f"{name}={row[name]}" for name in sorted(row))
    return hashlib.sha256(f"{number}\x1f{content}".encode()).hexdigest()[:32]
