"""The Kibana Query Language as Elasticsearch queries; semantics from Kibana's reference and grammar."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.analyzers.reading import kql


def either(*queries: dict[str, Any]) -> dict[str, Any]:
    """One of these."""
    return {"bool": {"should": list(queries), "minimum_should_match": 1}}


def both(*queries: dict[str, Any]) -> dict[str, Any]:
    """All of these."""
    return {"bool": {"filter": list(queries)}}


def no(query: dict[str, Any]) -> dict[str, Any]:
    """Not this."""
    return {"bool": {"must_not": [query]}}


A, B, C = ({"match": {name: value}} for name, value in (("a", "1"), ("b", "2"), ("c", "3")))


class TestComparisons:
    """A field, a sign and a value."""

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("a: 1", A),
            ("a:1", A),
            ("  a :\n 1 ", A),
            ("event.id: 20130701-UA-1545", {"match": {"event.id": "20130701-UA-1545"}}),
            ("evaluation.correct: false", {"match": {"evaluation.correct": "false"}}),
            ('label: "on time"', {"match_phrase": {"label": "on time"}}),
            ('"a": 1', A),
            ("@timestamp: 2013-07-01", {"match": {"@timestamp": "2013-07-01"}}),
        ],
    )
    def test_a_field_and_its_value(self, text, query):
        """A word matches as a word, a quoted text as a phrase; white space around the colon is free."""
        assert query == kql.parse(text)

    def test_words_in_a_row_are_one_value(self):
        """Kibana takes unquoted words up to the next operator as one value, spaces included."""
        assert both({"match": {"a": "quick  brown"}}, B) == kql.parse("a: quick  brown and b: 2")

    @pytest.mark.parametrize(("sign", "bound"), [("<", "lt"), ("<=", "lte"), (">", "gt"), (">=", "gte")])
    def test_ranges(self, sign, bound):
        """Each sign is its bound, with and without spaces, of numbers and of quoted times."""
        assert {"range": {"a": {bound: "0.8"}}} == kql.parse(f"a {sign} 0.8") == kql.parse(f"a{sign}0.8")
        assert {"range": {"t": {bound: "2013-07-01T00:00:00Z"}}} == kql.parse(f't {sign} "2013-07-01T00:00:00Z"')

    def test_a_lone_star_asks_whether_the_field_is_there(self):
        """`field: *` is an exists query; the quoted star is a star."""
        assert kql.parse("outcome.label: *") == {"exists": {"field": "outcome.label"}}
        assert kql.parse('outcome.label: "*"') == {"match_phrase": {"outcome.label": "*"}}

    @pytest.mark.parametrize(
        ("text", "pattern"),
        [
            ("JF*", "JF*"),
            ("*FK", "*FK"),
            ("J*K", "J*K"),
            ("what?*", r"what\?*"),
            (r"a\*b*", r"a\*b*"),
            (r"a\\*", r"a\\*"),
        ],
    )
    def test_wildcards(self, text, pattern):
        """Only an unescaped `*` stands for anything; `?` is a question mark, unlike in a wildcard query."""
        assert {"wildcard": {"a": {"value": pattern}}} == kql.parse(f"a: {text}")


class TestOperators:
    """How comparisons and values join."""

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("a: 1 and b: 2", both(A, B)),
            ("a: 1 AND b: 2", both(A, B)),
            ("a: 1 or b: 2 or c: 3", either(A, B, C)),
            ("a: 1 or b: 2 and c: 3", either(A, both(B, C))),
            ("(a: 1 or b: 2) and c: 3", both(either(A, B), C)),
            ("not a: 1 and b: 2", both(no(A), B)),
            ("not (a: 1 or b: 2)", no(either(A, B))),
            ("((a: 1))", A),
        ],
    )
    def test_precedence(self, text, query):
        """`not` binds closest, then `and`, then `or`; parentheses win; case does not matter."""
        assert query == kql.parse(text)

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("a: (1 or 2)", either({"match": {"a": "1"}}, {"match": {"a": "2"}})),
            ('a: ("x y" or z*)', either({"match_phrase": {"a": "x y"}}, {"wildcard": {"a": {"value": "z*"}}})),
            ("a: (not 1)", no(A)),
            ("a: (1 or (2 and not 3))", either(A, both({"match": {"a": "2"}}, no({"match": {"a": "3"}})))),
            ("a: (1 or 2) and b: 2", both(either({"match": {"a": "1"}}, {"match": {"a": "2"}}), B)),
        ],
    )
    def test_several_values_of_one_field(self, text, query):
        """Values in parentheses join with the same operators, and each is asked of the field before them."""
        assert query == kql.parse(text)

    def test_nothing_asks_for_everything(self):
        """An empty query matches all."""
        assert {"match_all": {}} == kql.parse("") == kql.parse("  \n")


class TestEscapes:
    """Signs that mean themselves."""

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            (r"a\:b", "a:b"),
            (r"\(x\)", "(x)"),
            (r"\*", "*"),
            (r"\\", "\\"),
            (r"\or", "or"),
            (r"\not", "not"),
            (r"\u00e9t\u00e9", "été"),
            (r"\{x\}", "{x}"),
            (r"two\twords", "two\twords"),
        ],
    )
    def test_a_backslash_takes_the_meaning_from_a_sign(self, text, value):
        """Signs and keywords can be values; white space and code points have their escapes."""
        assert {"match": {"a": value}} == kql.parse(f"a: {text}")

    def test_quoted_texts_have_escapes_too(self):
        """A quote inside quotes is escaped; other signs and keywords need no escape there."""
        assert kql.parse(r'a: "say \"and\": (no)"') == {"match_phrase": {"a": 'say "and": (no)'}}

    @given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
    def test_any_text_can_be_asked_for(self, text):
        """What is quoted, its backslashes and quotes escaped, comes out as it went in."""
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        assert {"match_phrase": {"a": text}} == kql.parse(f'a: "{quoted}"')


class TestErrors:
    """What cannot be read."""

    @pytest.mark.parametrize(
        ("text", "at", "expected"),
        [
            ("late", 4, "`:`, `<`, `<=`, `>` or `>=` after a field name"),
            ("late and a: 1", 5, "`:`, `<`, `<=`, `>` or `>=` after a field name"),
            ("a: ", 2, "a value"),
            ("a: and b: 2", 3, "a value"),
            ("a >", 3, "a value"),
            ("a: 1 and", 8, "a field name"),
            (": 1", 0, "a field name"),
            ("a: 1 b: 2", 6, "`and`, `or` or the end"),
            ("(a: 1", 5, "`and`, `or` or `)`"),
            ("a: 1)", 4, "`and`, `or` or the end"),
            ("a: (1 or 2", 10, "`and`, `or` or `)`"),
            ('a:  "open', 4, "a closing quote to this one"),
            ("a: open\\", 7, "a character after the backslash"),
            ("features.*: 1", 0, "a field name without `*`"),
            ("features: { a: 1 }", 10, r"`\{`: a brace alone means nested fields"),
            ("a: > 1", 3, "a value"),
        ],
    )
    def test_errors_point_to_the_place(self, text, at, expected):
        """An error says what was expected, and a caret stands under the place."""
        with pytest.raises(kql.QueryError) as caught:
            kql.parse(text)
        first, line, caret = str(caught.value).split("\n")
        assert f"the query cannot be read here, expected {expected}:" == first
        assert (f"  {text}", f"  {' ' * at}^") == (line, caret)

    def test_a_query_of_several_lines_is_shown_in_one(self):
        """The caret would point to nothing below several lines."""
        with pytest.raises(kql.QueryError, match=r"\n  a: 1 and late\n {15}\^$"):
            kql.parse("a: 1\nand late")

    def test_endless_parentheses_are_refused(self):
        """A query nested beyond reason is an error of its own, not a crash."""
        with pytest.raises(kql.QueryError, match="too many parentheses"):
            kql.parse("(" * 10_000 + "a: 1" + ")" * 10_000)

    @given(st.lists(st.sampled_from([*'ab:<>=()"\\*{} \n', " and ", " or ", "not "])))
    def test_nothing_else_is_ever_raised(self, pieces):
        """Whatever is typed is a query or a QueryError."""
        try:
            kql.parse("".join(pieces))
        except kql.QueryError as error:
            assert "the query cannot be read" in str(error)  # noqa: PT017 (any text may also be a query)


def test_all_of_leaves_out_what_is_none():
    """Only the queries that are there are asked."""
    assert both(A, B) == kql.all_of(A, None, B)
