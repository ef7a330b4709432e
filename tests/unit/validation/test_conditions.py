"""Row conditions as Great Expectations writes them become SQL that means the same, whatever they compare."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.validation.conditions import condition_sql, literal, path


def comparison(operator: str, parameter: Any, name: str = "a") -> dict[str, Any]:
    return {"type": "comparison", "column": {"name": name}, "operator": operator, "parameter": parameter}


def nullity(is_null: bool, name: str = "a") -> dict[str, Any]:
    return {"type": "nullity", "column": {"name": name}, "is_null": is_null}


def both(*conditions: Any) -> dict[str, Any]:
    return {"type": "and", "conditions": list(conditions)}


def either(*conditions: Any) -> dict[str, Any]:
    return {"type": "or", "conditions": list(conditions)}


CONDITIONS: list[tuple[dict[str, Any], str]] = [
    ({"type": "pass_through", "pass_through_filter": "a > 1 OR `b c` LIKE 'x%'"}, "a > 1 OR `b c` LIKE 'x%'"),
    (nullity(True), "`a` IS NULL"),
    (nullity(False), "`a` IS NOT NULL"),
    *[(comparison(verb, 1), f"`a` {verb} 1") for verb in ("==", "!=", "<", "<=", ">", ">=")],
    (comparison("==", -1.5), "`a` == -1.5"),
    (comparison("==", True), "`a` == TRUE"),
    (comparison("==", "x"), "`a` == 'x'"),
    (comparison(">", "2013-07-01"), "`a` > '2013-07-01'"),
    (comparison("IN", ["x", "y"]), "`a` IN ('x', 'y')"),
    (comparison("NOT_IN", [1, 2.5]), "`a` NOT IN (1, 2.5)"),
    (comparison("IN", []), "FALSE"),
    (comparison("NOT_IN", []), "TRUE"),
    (comparison("==", 1, name="b c"), "`b c` == 1"),
    (comparison("==", 1, name="address.city"), "`address`.`city` == 1"),
    (comparison("==", 1, name="`a.b`"), "`a.b` == 1"),
    (both(comparison(">", 1), nullity(False, "b")), "(`a` > 1 AND `b` IS NOT NULL)"),
    (
        either(comparison(">", 1), both(comparison("<", 0), nullity(True, "b"))),
        "(`a` > 1 OR (`a` < 0 AND `b` IS NULL))",
    ),
    (both(nullity(True)), "(`a` IS NULL)"),
]


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS, ids=[text for _, text in CONDITIONS])
def test_a_condition_becomes_sql(condition: dict[str, Any], expected: str) -> None:
    assert condition_sql(condition) == expected


@pytest.mark.parametrize(
    "condition",
    [
        None,
        "a > 1",
        3,
        [],
        {},
        {"type": "between", "column": {"name": "a"}},
        {"type": "comparison", "operator": ">", "parameter": 1},
        {"type": "comparison", "column": "a", "operator": ">", "parameter": 1},
        {"type": "comparison", "column": {"name": "a"}, "operator": ">"},
        {"type": "nullity", "column": {"name": "a"}},
        {"type": "pass_through", "pass_through_filter": None},
        both(),
        either(),
        both(nullity(True), {"type": "between"}),
    ],
    ids=str,
)
def test_what_is_no_condition_is_refused(condition: Any) -> None:
    with pytest.raises(ValueError, match="no row condition that Spark could take: "):
        condition_sql(condition)


@pytest.mark.parametrize("value", [None, [1], {"$PARAMETER": "x"}, math.inf, -math.inf, math.nan])
def test_a_value_that_sql_cannot_write_is_refused(value: Any) -> None:
    for condition in (comparison("==", value), comparison("IN", [1, value])):
        with pytest.raises(ValueError, match=r"is no text or number$"):
            condition_sql(condition)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("it's", r"'it\'s'"),
        ("\\", r"'\\'"),
        ("\\'", r"'\\\''"),
        ("x' OR '1'='1", r"'x\' OR \'1\'=\'1'"),
        ("", "''"),
        (False, "FALSE"),
        (0, "0"),
        (1e300, "1e+300"),
        (2**62, str(2**62)),
    ],
)
def test_a_value_is_written_as_sql(value: Any, expected: str) -> None:
    assert literal(value) == expected


def read_back(text: str) -> str:
    """A literal as Spark reads it: a backslash takes the next character as it is."""
    assert text[0] == text[-1] == "'"
    inside = text[1:-1]
    assert re.fullmatch(r"(?:[^'\\]|\\.)*", inside, re.DOTALL), "the literal ends before its end"
    return re.sub(r"\\(.)", r"\1", inside, flags=re.DOTALL)


@given(st.text(alphabet=st.sampled_from("ab'\\\" \n`%")))
def test_no_text_escapes_its_quotes(value: str) -> None:
    assert read_back(literal(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_number_is_written_to_its_last_digit(value: float) -> None:
    assert float(literal(value)) == float(value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a", "`a`"),
        ("a b", "`a b`"),
        ("a.b.c", "`a`.`b`.`c`"),
        ("`a.b`", "`a.b`"),
        ("`a.b`.c", "`a.b`.`c`"),
        ("a.`b.c`", "`a`.`b.c`"),
        ("`a``b`", "`a``b`"),
        ("a`b", "`a``b`"),
        ("`a", "```a`"),
        ("a.", "`a.`"),
        (".a", "`.a`"),
        ("a..b", "`a..b`"),
        ("", "``"),
    ],
)
def test_a_name_is_a_path_unless_backticks_make_it_one(name: str, expected: str) -> None:
    assert path(name) == expected


@given(st.lists(st.text(alphabet="ab c-é", min_size=1), min_size=1))
def test_each_part_of_a_path_is_quoted_by_itself(parts: list[str]) -> None:
    assert path(".".join(parts)) == ".".join(f"`{part}`" for part in parts)


@given(st.text(alphabet="ab.` "))
def test_no_name_escapes_its_backticks(name: str) -> None:
    assert re.fullmatch(r"`(?:[^`]|``)*`(?:\.`(?:[^`]|``)*`)*", path(name))
