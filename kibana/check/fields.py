"""Which fields an index has, and what is asked of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .finding import Finding

Need = Literal["mapped", "searchable", "aggregatable", "number", "number or date", "date"]

NUMBERS = frozenset(
    {"long", "integer", "short", "byte", "double", "float", "half_float", "scaled_float", "unsigned_long"}
)
DATES = frozenset({"date", "date_nanos"})
RECORDS = "___records___"
# Of every document, and in no mapping.
_OF_ALL = frozenset({RECORDS, "_source", "_id", "_index"})
_UNSEARCHABLE = frozenset({"object", "nested", "binary"})
_WITHOUT_DOC_VALUES = _UNSEARCHABLE | {"text", "match_only_text", "annotated_text", "flattened"}


@dataclass(frozen=True, slots=True)
class Capability:
    """What can be done with a field.

    Attributes:
        types: Its types; more than one where indices differ.
        searchable: Whether queries find it.
        aggregatable: Whether it can be counted and sorted by.
    """

    types: frozenset[str]
    searchable: bool
    aggregatable: bool


Fields = Mapping[str, Capability]


@dataclass(frozen=True, slots=True)
class Use:
    """What something asks of a field; `by` says what it is."""

    field: str
    need: Need
    by: str


def check(where: str, index: str, uses: Iterable[Use], known: Fields) -> Iterator[Finding]:
    """Whether the fields of an index do what is asked of them."""
    for use in dict.fromkeys(uses):
        if use.field in _OF_ALL:
            continue
        capability = known.get(use.field) or _flattened(use, known)
        got = f"{use.field!r} by {use.by}"
        if capability is None:
            yield Finding(where, "field is not mapped", got, f"a field of {index}")
        elif use.need == "searchable" and not capability.searchable:
            yield Finding(where, "field cannot be searched", got, "one that is indexed")
        elif use.need not in ("mapped", "searchable"):
            yield from _aggregated(where, use, capability, got)


def _flattened(use: Use, known: Fields) -> Capability | None:
    """Keys inside a flattened field can be searched and shown, but are not in the list that panels choose from."""
    parents = use.field.split(".")
    for length in range(len(parents) - 1, 0, -1):
        parent = known.get(".".join(parents[:length]))
        if parent and "flattened" in parent.types and use.need in ("mapped", "searchable"):
            return parent
    return None


def _aggregated(where: str, use: Use, capability: Capability, got: str) -> Iterator[Finding]:
    wanted = {"number": NUMBERS, "number or date": NUMBERS | DATES, "date": DATES}.get(use.need)
    got = f"{got}: {', '.join(sorted(capability.types))}"
    if not capability.aggregatable:
        yield Finding(where, "field cannot be aggregated", got, "one with doc values")
    elif wanted is not None and not capability.types <= wanted:
        yield Finding(where, f"field is no {use.need}", got, f"a {use.need}")


def of_capabilities(answer: Mapping[str, Any]) -> dict[str, Capability]:
    """The fields in an answer of `_field_caps`."""
    return {
        name: Capability(
            frozenset(types),
            all(each["searchable"] for each in types.values()),
            all(each["aggregatable"] for each in types.values()),
        )
        for name, types in answer["fields"].items()
    }


def together(several: Iterable[Fields]) -> dict[str, Capability]:
    """The fields of several indices: those of any, doing what they do in all that have them."""
    found: dict[str, Capability] = {}
    for each in several:
        for name, other in each.items():
            own = found.get(name, other)
            found[name] = Capability(
                own.types | other.types,
                own.searchable and other.searchable,
                own.aggregatable and other.aggregatable,
            )
    return found


def of_mapping(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, Capability]:
    """The fields of a mapping, as of an index template whose index is not there yet."""
    found: dict[str, Capability] = {}
    for name, field in (mapping.get("properties") or {}).items():
        kind = field.get("type", "object")
        found[prefix + name] = Capability(
            frozenset({kind}),
            kind not in _UNSEARCHABLE and (field.get("index", True) or field.get("doc_values", True)),
            kind not in _WITHOUT_DOC_VALUES and field.get("doc_values", True),
        )
        found |= of_mapping(field, f"{prefix}{name}.")
        found |= of_mapping({"properties": field.get("fields") or {}}, f"{prefix}{name}.")
    return found


def of_runtime(runtime: Mapping[str, Any]) -> dict[str, Capability]:
    """The fields that a data view computes."""
    return {
        name: Capability(frozenset({field["type"]}), searchable=True, aggregatable=True)
        for name, field in runtime.items()
    }
