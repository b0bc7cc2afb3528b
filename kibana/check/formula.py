"""Formulas of Lens: arithmetic of functions of fields, such as `count(kql='event.outcome: failure') / count()`.

Source of the language: https://www.elastic.co/docs/explore-analyze/visualize/lens#lens-formulas.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from .bundle import Json
from .fields import RECORDS
from .finding import refuse

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>\d+(?:\.\d+)?) |
        (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*") |
        (?P<word>[A-Za-z_@][\w.@]*) |
        (?P<sign>[-+*/(),=])
    )""",
    re.VERBOSE,
)
FUNCTIONS = (
    "count", "sum", "average", "min", "max", "median", "unique_count", "percentile", "percentile_rank",
    "standard_deviation",
)  # fmt: skip
_PARAMETERS = {"percentile": "percentile", "percentile_rank": "value"}
_SIGNS: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right if right else math.nan,
}


@dataclass(frozen=True, slots=True)
class Number:
    """A number that stands in a formula."""

    value: float


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the documents."""

    function: str
    field: str = RECORDS
    kql: str = ""
    parameter: float | None = None

    @property
    def column(self) -> Json:
        """The column of Lens that is the same."""
        return {
            "operationType": self.function,
            "sourceField": self.field,
            "filter": {"query": self.kql, "language": "kuery"},
            "params": {_PARAMETERS[self.function]: self.parameter} if self.function in _PARAMETERS else {},
        }


@dataclass(frozen=True, slots=True)
class Sum:
    """Two parts of a formula and the sign between them."""

    sign: str
    left: Node
    right: Node


Node = Number | Call | Sum


def parse(text: str) -> Node:
    """The parts of a formula.

    Raises:
        NotUnderstoodError: It holds something that is not known here.
    """
    parser = _Parser(text, list(_tokens(text)))
    node = parser.added()
    if parser.tokens:
        parser.fail("the end")
    return node


def calls(node: Node) -> Iterator[Call]:
    """The functions in a formula, from left to right."""
    if isinstance(node, Call):
        yield node
    elif isinstance(node, Sum):
        yield from calls(node.left)
        yield from calls(node.right)


def value(node: Node, values: Mapping[Call, float | None]) -> float | None:
    """What a formula comes to; None where a part is missing or something is divided by zero."""
    result = _value(node, values)
    return None if math.isnan(result) else result


def _value(node: Node, values: Mapping[Call, float | None]) -> float:
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Call):
        found = values.get(node)
        return math.nan if found is None else found
    return _SIGNS[node.sign](_value(node.left, values), _value(node.right, values))


def of_column(column: Json) -> Call:
    """The function that a column of Lens is."""
    operation, params = str(column.get("operationType")), column.get("params") or {}
    parameter = params.get(_PARAMETERS.get(operation, ""))
    text = str((column.get("filter") or {}).get("query") or "")
    return Call(
        operation, str(column.get("sourceField") or RECORDS), text, None if parameter is None else float(parameter)
    )


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            refuse("formula cannot be read", text, f"numbers, functions and + - * /, not {text[at:].strip()[:10]!r}")
        yield match.lastgroup, _meant(match.lastgroup, match[match.lastgroup])
        at = match.end()


def _meant(kind: str, text: str) -> str:
    """A token without its quotes and escapes."""
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if kind == "text" else text


@dataclass(slots=True)
class _Parser:
    """Recursive descent over the tokens that are left."""

    text: str
    tokens: list[tuple[str, str]] = field(default_factory=list)

    def added(self) -> Node:
        node = self.multiplied()
        while sign := self.sign("+", "-"):
            node = Sum(sign, node, self.multiplied())
        return node

    def multiplied(self) -> Node:
        node = self.single()
        while sign := self.sign("*", "/"):
            node = Sum(sign, node, self.single())
        return node

    def single(self) -> Node:
        if self.sign("-"):
            return Sum("-", Number(0.0), self.single())
        if self.sign("("):
            node = self.added()
            self.must(")")
            return node
        kind, word = self.take()
        if kind == "number":
            return Number(float(word))
        if kind != "word" or word not in FUNCTIONS:
            refuse("function of formula", word, ", ".join(FUNCTIONS))
        return self.call(word)

    def call(self, function: str) -> Call:
        self.must("(")
        name, options = RECORDS, {}
        while not self.sign(")"):
            kind, word = self.take()
            if kind == "word" and self.sign("="):
                options[word] = self.take()[1]
            else:
                name = word
            self.sign(",")
        wanted = _PARAMETERS.get(function)
        if odd := options.keys() - {"kql", wanted}:
            refuse("option of formula", ", ".join(sorted(odd)), f"kql{f', {wanted}' if wanted else ''}")
        parameter = options.get(wanted) if wanted else None
        return Call(function, name, options.get("kql", ""), None if parameter is None else float(parameter))

    def take(self) -> tuple[str, str]:
        if not self.tokens:
            self.fail("more")
        return self.tokens.pop(0)

    def sign(self, *signs: str) -> str:
        if self.tokens and self.tokens[0][0] == "sign" and self.tokens[0][1] in signs:
            return self.tokens.pop(0)[1]
        return ""

    def must(self, sign: str) -> None:
        if not self.sign(sign):
            self.fail(repr(sign))

    def fail(self, expected: str) -> None:
        refuse(
            "formula cannot be read", self.text, f"{expected}, not {self.tokens[0][1] if self.tokens else 'the end'!r}"
        )
