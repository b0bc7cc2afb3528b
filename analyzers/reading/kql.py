"""The Kibana Query Language, as far as searching predictions needs it, as Elasticsearch queries.

`field: value`, `field: "a phrase"`, `field: (a or b)`, `field: *`, `field: ab*`, `field >= 0.8`, joined by `and`, `or`,
`not` and parentheses; `and` binds closer than `or`. Left out are words without a field, wildcards in field names and
nested fields: predictions have none. Source: https://www.elastic.co/docs/reference/query-languages/kql.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

Query = dict[str, Any]

_TOKEN = re.compile(
    r"""(?:
        (?P<quoted>"(?:[^"\\]|\\.)*") |
        (?P<sign><=|>=|<|>|:|\(|\)) |
        (?P<word>(?:\\.|[^\s()<>:"{}\\])+)
    )""",
    re.VERBOSE | re.DOTALL,
)
_SPACE = re.compile(r"\s*")
_ESCAPED = re.compile(r"\\(?:u([0-9a-f]{4})|(and|or|not)\b|(.))", re.IGNORECASE | re.DOTALL)
_WHITESPACE = {"t": "\t", "n": "\n", "r": "\r"}
_WITH_STAR = re.compile(r"(?:\\.|[^*\\])*\*", re.DOTALL)
_STAR_OR_TEXT = re.compile(r"\*|(?:\\.|[^*\\])+", re.DOTALL)
_RANGES = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
_KEYWORDS = ("and", "or", "not")


class QueryError(ValueError):
    """A query cannot be read; the text shows where."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int

    @property
    def keyword(self) -> str | None:
        return self.text.lower() if self.kind == "word" and self.text.lower() in _KEYWORDS else None

    @property
    def plain(self) -> str:
        """The text that is meant, without quotes and escapes."""
        return _unescaped(self.text[1:-1] if self.kind == "quoted" else self.text)

    @property
    def wild(self) -> bool:
        return self.kind == "word" and _WITH_STAR.match(self.text) is not None


def parse(text: str) -> Query:
    """The Elasticsearch query of a KQL text; an empty one matches everything.

    Raises:
        QueryError: The text is not KQL.
    """
    if not text.strip():
        return {"match_all": {}}
    parser = _Parser(text, list(_tokens(text)))
    try:
        query = parser.either(parser.comparison)
    except RecursionError:
        msg = "the query cannot be read: too many parentheses in parentheses"
        raise QueryError(msg) from None
    parser.end()
    return query


def all_of(*queries: Mapping[str, Any] | None) -> Query:
    """A query that matches what all of these match; None is left out."""
    return {"bool": {"filter": [query for query in queries if query is not None]}}


def _tokens(text: str) -> list[_Token]:
    found, end = [], len(text.rstrip())
    at = _after_space(text, 0)
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            _fail(text, at, _missing(text[at]))
        found.append(_Token(match.lastgroup, match[0], at))
        at = _after_space(text, match.end())
    return found


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _missing(sign: str) -> str:
    if sign == '"':
        return "a closing quote to this one"
    return "a character after the backslash" if sign == "\\" else f"`\\{sign}`: a brace alone means nested fields"


def _fail(text: str, at: int, expected: str) -> NoReturn:
    line = re.sub(r"\s", " ", text)
    msg = f"the query cannot be read here, expected {expected}:\n  {line}\n  {' ' * at}^"
    raise QueryError(msg)


@dataclass(slots=True)
class _Parser:
    """Recursive descent; `operand` reads what stands between the operators: comparisons, or the values of one field."""

    text: str
    tokens: list[_Token]
    position: int = field(default=0)

    def either(self, operand: Callable[[], Query]) -> Query:
        parts = [self.both(operand)]
        while self._keyword("or"):
            parts.append(self.both(operand))
        return parts[0] if len(parts) == 1 else {"bool": {"should": parts, "minimum_should_match": 1}}

    def both(self, operand: Callable[[], Query]) -> Query:
        parts = [self.negated(operand)]
        while self._keyword("and"):
            parts.append(self.negated(operand))
        return parts[0] if len(parts) == 1 else {"bool": {"filter": parts}}

    def negated(self, operand: Callable[[], Query]) -> Query:
        if self._keyword("not"):
            return {"bool": {"must_not": [self.negated(operand)]}}
        return self.group(operand)

    def group(self, operand: Callable[[], Query]) -> Query:
        if not self._sign("("):
            return operand()
        query = self.either(operand)
        if not self._sign(")"):
            self._expected("`and`, `or` or `)`")
        return query

    def comparison(self) -> Query:
        token = self._take("a field name")
        if token.wild:
            _fail(self.text, token.at, "a field name without `*`")
        name = token.plain
        for sign, bound in _RANGES.items():
            if self._sign(sign):
                return {"range": {name: {bound: self._value().plain}}}
        if not self._sign(":"):
            self._expected("`:`, `<`, `<=`, `>` or `>=` after a field name")
        return self.group(lambda: _matches(name, self._value()))

    def end(self) -> None:
        if self._peek() is not None:
            self._expected("`and`, `or` or the end")

    def _value(self) -> _Token:
        """A quoted text, or all words up to the next operator: KQL takes them as one value."""
        first = last = self._take("a value")
        while first.kind == "word" and (token := self._peek()) and token.kind == "word" and not token.keyword:
            last = self._take("a value")
        return _Token(first.kind, self.text[first.at : last.at + len(last.text)], first.at)

    def _peek(self) -> _Token | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def _take(self, what: str) -> _Token:
        token = self._peek()
        if token is None or token.kind == "sign" or token.keyword:
            self._expected(what)
        self.position += 1
        return token

    def _keyword(self, word: str) -> bool:
        return self._skip(lambda token: token.keyword == word)

    def _sign(self, sign: str) -> bool:
        return self._skip(lambda token: token.kind == "sign" and token.text == sign)

    def _skip(self, wanted: Callable[[_Token], bool]) -> bool:
        token = self._peek()
        found = token is not None and wanted(token)
        self.position += found
        return found

    def _expected(self, what: str) -> NoReturn:
        token = self._peek()
        _fail(self.text, token.at if token else len(self.text.rstrip()), what)


def _unescaped(text: str) -> str:
    def meant(match: re.Match[str]) -> str:
        code, keyword, sign = match.groups()
        return chr(int(code, 16)) if code else keyword or _WHITESPACE.get(sign, sign)

    return _ESCAPED.sub(meant, text)


def _matches(name: str, value: _Token) -> Query:
    if value.kind == "quoted":
        return {"match_phrase": {name: value.plain}}
    if value.text == "*":
        return {"exists": {"field": name}}
    if value.wild:
        return {"wildcard": {name: {"value": _pattern(value.text)}}}
    return {"match": {name: value.plain}}


def _pattern(text: str) -> str:
    """The pattern of a `wildcard` query, where `?` would stand for any one character, which KQL does not know."""
    parts = _STAR_OR_TEXT.findall(text)
    return "".join(part if part == "*" else re.sub(r"[*?\\]", r"\\\g<0>", _unescaped(part)) for part in parts)
