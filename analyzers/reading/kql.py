"""The Kibana Query Language, as far as searching predictions needs it, as Elasticsearch queries.

`field: value`, `field: "a phrase"`, `field: (a or b)`, `field: *`, `field: ab*`, `field >= 0.8`, joined by `and`, `or`,
`not` and parentheses; `and` binds closer than `or`. Source: https://www.elastic.co/docs/explore-analyze/query-filter/
languages/kql.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:[^"\\]|\\.)*") |
        (?P<sign><=|>=|<|>|:|\(|\)) |
        (?P<word>(?:\\.|[^\s()<>:"\\])+)
    )""",
    re.VERBOSE,
)
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


def parse(text: str) -> dict[str, Any]:
    """The Elasticsearch query of a KQL text; an empty one matches everything.

    Raises:
        QueryError: The text is not KQL.
    """
    if not text.strip():
        return {"match_all": {}}
    parser = _Parser(text, list(_tokens(text)))
    query = parser.either()
    parser.end()
    return query


def _tokens(text: str) -> list[_Token]:
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            _fail(text, at, "a closing quote" if '"' in text[at:] else "a field name or a value")
        found.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        at = match.end()
    return found


def _fail(text: str, at: int, expected: str) -> NoReturn:
    msg = f"the query cannot be read here, expected {expected}:\n  {text}\n  {' ' * at}^"
    raise QueryError(msg)


@dataclass(slots=True)
class _Parser:
    text: str
    tokens: list[_Token]
    position: int = field(default=0)

    def either(self) -> dict[str, Any]:
        parts = [self.both()]
        while self._keyword("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else {"bool": {"should": parts, "minimum_should_match": 1}}

    def both(self) -> dict[str, Any]:
        parts = [self.negated()]
        while self._keyword("and"):
            parts.append(self.negated())
        return parts[0] if len(parts) == 1 else {"bool": {"filter": parts}}

    def negated(self) -> dict[str, Any]:
        if self._keyword("not"):
            return {"bool": {"must_not": [self.negated()]}}
        if self._sign("("):
            query = self.either()
            self._close()
            return query
        return self.comparison()

    def comparison(self) -> dict[str, Any]:
        name = self._take("a field name", keyword=False)
        token = self._peek()
        if token is not None and token.text in _RANGES and token.kind == "sign":
            self.position += 1
            return {"range": {_plain(name): {_RANGES[token.text]: _plain(self._take("a value"))}}}
        if not self._sign(":"):
            self._expected("`:`, `<`, `<=`, `>` or `>=` after a field name")
        if self._sign("("):
            query = self._values(_plain(name))
            self._close()
            return query
        return _matches(_plain(name), self._take("a value"))

    def _values(self, name: str) -> dict[str, Any]:
        parts = [self._value(name)]
        while self._keyword("or"):
            parts.append(self._value(name))
        return {"bool": {"should": parts, "minimum_should_match": 1}}

    def _value(self, name: str) -> dict[str, Any]:
        if self._keyword("not"):
            return {"bool": {"must_not": [self._value(name)]}}
        return _matches(name, self._take("a value", keyword=False))

    def end(self) -> None:
        if self._peek() is not None:
            self._expected("`and`, `or` or the end")

    def _peek(self) -> _Token | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def _take(self, what: str, *, keyword: bool = True) -> _Token:
        token = self._peek()
        if token is None or token.kind == "sign" or (token.keyword and not keyword):
            self._expected(what)
        self.position += 1
        return token

    def _keyword(self, word: str) -> bool:
        token = self._peek()
        if token is not None and token.keyword == word:
            self.position += 1
            return True
        return False

    def _sign(self, sign: str) -> bool:
        token = self._peek()
        if token is not None and token.kind == "sign" and token.text == sign:
            self.position += 1
            return True
        return False

    def _close(self) -> None:
        if not self._sign(")"):
            self._expected("`)`")

    def _expected(self, what: str) -> NoReturn:
        token = self._peek()
        _fail(self.text, token.at if token else len(self.text.rstrip()), what)


def _plain(token: _Token) -> str:
    text = token.text[1:-1] if token.kind == "quoted" else token.text
    return re.sub(r"\\(.)", r"\1", text)


def _matches(name: str, token: _Token) -> dict[str, Any]:
    if token.kind == "quoted":
        return {"match_phrase": {name: _plain(token)}}
    if token.text == "*":
        return {"exists": {"field": name}}
    if re.search(r"(?<!\\)\*", token.text):
        # In a `wildcard` query `?` stands for any one character, which KQL does not know.
        return {"wildcard": {name: {"value": token.text.replace("?", r"\?")}}}
    return {"match": {name: _plain(token)}}


def all_of(*queries: Mapping[str, Any] | None) -> dict[str, Any]:
    """A query that matches what all of these match; None is left out."""
    return {"bool": {"filter": [query for query in queries if query is not None]}}
