"""A layer of a Lens panel as aggregations, and their answer as the rows that the panel shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import columns, filters, formula
from .bundle import Json
from .columns import Bucket, Metric, Value
from .fields import Use
from .filters import Query
from .finding import refuse

Row = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Shown:
    """A metric as people see it.

    Attributes:
        label: What it is called.
        read: From a bucket to the value.
        counts: The filters, by a value, of documents that it counts: 0 is an answer only if there is such a value.
    """

    label: str
    read: Callable[[Json], Value]
    counts: tuple[Query, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask for a layer, and how to read the answer.

    Attributes:
        buckets: From the outermost to the innermost.
        labels: What people call the columns, by id.
        asked: The metrics that are asked for in each innermost bucket.
        shown: The metrics that are shown, formulas too.
    """

    buckets: tuple[Bucket, ...]
    labels: Mapping[str, str]
    asked: tuple[Metric, ...]
    shown: tuple[Shown, ...]

    @property
    def uses(self) -> tuple[Use, ...]:
        """What the layer asks of fields."""
        parts: tuple[Bucket | Metric, ...] = (*self.buckets, *self.asked)
        return tuple(use for part in parts for use in part.uses)

    def aggregations(self) -> dict[str, Any]:
        """The aggregations, nested as Kibana nests them."""
        inner: dict[str, Any] = {each.name: each.aggregation for each in self.asked if each.aggregation is not None}
        for bucket in reversed(self.buckets):
            order = bucket.ordered_by
            if order is not None and order.aggregation is not None:
                inner = {order.name: order.aggregation, **inner}
            inner = {bucket.name: {**bucket.aggregation, **({"aggs": inner} if inner else {})}}
        return inner

    def rows(self, response: Json) -> list[Row]:
        """One row for each innermost bucket that holds documents, by the labels of columns."""
        whole = {"doc_count": response["hits"]["total"]["value"], **(response.get("aggregations") or {})}
        return list(self._rows(whole, 0, {})) if whole["doc_count"] else []

    def _rows(self, bucket: Json, depth: int, keys: Row) -> Iterator[Row]:
        if depth == len(self.buckets):
            yield keys | {each.label: each.read(bucket) for each in self.shown}
            return
        name = self.buckets[depth].name
        for key, inner in _inner(bucket[name]["buckets"]):
            if inner["doc_count"]:
                yield from self._rows(inner, depth + 1, keys | {self.labels[name]: key})


def _inner(buckets: Any) -> Iterator[tuple[Value, Json]]:
    if isinstance(buckets, Mapping):
        yield from buckets.items()
    else:
        yield from ((bucket.get("key_as_string", bucket.get("key")), bucket) for bucket in buckets)


def plan(layer: Json) -> Plan:
    """What to ask for a layer.

    Raises:
        NotUnderstoodError: Something in it is not known here.
    """
    if layer.get("sampling", 1) != 1:
        refuse("sampling of layer", layer["sampling"], "1")
    every: Mapping[str, Json] = layer.get("columns") or {}
    order = [name for name in layer.get("columnOrder") or () if name in every]
    parts = {part for column in every.values() for part in column.get("references") or ()}
    label = _labels(every)
    asked: dict[str, Metric] = {}
    shown = []
    for name in order:
        if not every[name].get("isBucketed"):
            found, read = _metrics(name, every[name], every)
            asked |= {each.name: each for each in found}
            if name not in parts:
                shown.append(Shown(label[name], read, tuple(_counts(found))))
    buckets = [name for name in order if every[name].get("isBucketed")]
    made = tuple(columns.bucket(name, every[name], asked) for name in buckets)
    automatic = [each for each in made[1:] if "variable_width_histogram" in each.aggregation]
    if automatic:
        refuse("automatic histogram inside buckets", automatic[0].name, "an interval of its own")
    return Plan(made, label, tuple(asked.values()), tuple(shown))


def _counts(found: Sequence[Metric]) -> Iterator[Query]:
    for each in found:
        if each.counted and each.condition is not None and filters.by_value(each.condition):
            yield each.condition


def _labels(every: Mapping[str, Json]) -> dict[str, str]:
    """The labels of columns; with the id, where two are called the same."""
    texts = {name: str(column.get("label")) for name, column in every.items()}
    counts = Counter(texts.values())
    return {name: text if counts[text] == 1 else f"{text} ({name})" for name, text in texts.items()}


def _metrics(name: str, column: Json, every: Mapping[str, Json]) -> tuple[list[Metric], Callable[[Json], Value]]:
    kind, params = column.get("operationType"), column.get("params") or {}
    if kind == "static_value":
        constant = params.get("value")
        return [], lambda _: constant
    if kind == "math":
        return [], lambda _: None
    if kind == "formula":
        return _formula(name, column, every)
    found = columns.metric(name, column)
    return [found], found.value


def _formula(name: str, column: Json, every: Mapping[str, Json]) -> tuple[list[Metric], Callable[[Json], Value]]:
    node = formula.parse(str((column.get("params") or {}).get("formula") or ""))
    wanted = tuple(dict.fromkeys(formula.calls(node)))
    held = {formula.of_column(part) for part in _parts(column, every)}
    if held != set(wanted):
        odd = ", ".join(sorted(f"{call.function}({call.field})" for call in held ^ set(wanted)))
        refuse("parts of formula", odd, "columns for its functions, and no others")
    found = {call: columns.metric(f"{name}_{number}", call.column) for number, call in enumerate(wanted)}

    def read(bucket: Json) -> Value:
        return formula.value(node, {call: _number(each.value(bucket)) for call, each in found.items()})

    return list(found.values()), read


def _parts(column: Json, every: Mapping[str, Json]) -> Iterator[Json]:
    """The columns that Kibana computes a formula from: without them it shows nothing."""
    for name in column.get("references") or ():
        part = every.get(name) or {}
        if part.get("operationType") == "math":
            yield from _parts(part, every)
        elif part:
            yield part


def _number(found: Value) -> float | None:
    return None if found is None else float(found)
