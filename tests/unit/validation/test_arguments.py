"""What is known here of the arguments of expectations, held against the classes of the installed Great Expectations."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.validation.arguments import KNOWN, is_right
from pipelines.validation.conditions import UNKNOWN, condition_sql, written_condition

EXAMPLES: dict[str, Any] = {
    "allow_relative_error": False,
    "base_query": "SELECT 1",
    "column": "a",
    "column_A": "a",
    "column_B": "b",
    "column_index": 1,
    "column_list": ["a", "b"],
    "column_set": ["a"],
    "comparison_data_source_name": "other",
    "comparison_query": "SELECT 2",
    "double_sided": True,
    "escape": "\\",
    "exact_match": False,
    "json_schema": {"type": "object"},
    "like_pattern": "a%",
    "like_pattern_list": ["a%"],
    "match_on": "all",
    "max_value": 2,
    "method": "std",
    "min_value": 1,
    "mostly": 0.9,
    "or_equal": True,
    "other_table_name": "other",
    "quantile_ranges": {"quantiles": [0.1, 0.9], "value_ranges": [[1, 2], [None, 3.5]]},
    "regex": "^a",
    "regex_list": ["^a"],
    "strftime_format": "%Y-%m-%d",
    "strict_max": True,
    "strict_min": False,
    "strictly": True,
    "sum_total": 3,
    "threshold": 2.5,
    "ties_okay": True,
    "type_": "IntegerType",
    "type_list": ["IntegerType"],
    "unexpected_rows_query": "SELECT * FROM {batch} WHERE a > 1",
    "value": 2,
    "value_pairs_set": [["a", "b"], [1, 2]],
    "value_set": ["a", 1],
}
"""A right value of each argument; the same serves wherever its name stands, but for the next."""
IGNORE = {"column_A": "neither", "column_list": "any_value_is_missing"}

PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(
        ["", "a", "1", "1.5", "nan", "2013-07-01", "2013-07-01T10:00", "2013-07-01 10:00:00Z", "20130701", "2013-W01-1"]
    ),
    st.sampled_from(
        ["any", "all", "never", "neither", "iqr", "%Y", "%", "%Q%j", "{batch}", "{", "{}", "{batch} {batch}"]
    ),
    st.text(max_size=3),
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["$PARAMETER", "a"]), inner, max_size=2)
    ),
    max_leaves=4,
)
CHANGES = st.dictionaries(
    st.sampled_from([*EXAMPLES, "ignore_row_if", "unheard_of"]), VALUES | st.just(...), max_size=2
)


def _example(kind: str, names: set[str]) -> dict[str, Any]:
    list_or_pair = next((IGNORE[name] for name in IGNORE if name in names), None)
    return {name: list_or_pair if name == "ignore_row_if" else EXAMPLES[name] for name in names}


def _taken_by_class(kind: str, arguments: dict[str, Any], severity: str | None = None) -> bool:
    from great_expectations.expectations import registry

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            registry.get_expectation_impl(kind)(**arguments, **({} if severity is None else {"severity": severity}))
        except Exception:
            return False
    return True


def test_each_expectation_that_great_expectations_ships_is_known() -> None:
    from great_expectations.expectations import registry

    assert set(KNOWN) == set(registry.list_registered_expectation_implementations())
    assert len(KNOWN) == 59


@pytest.mark.parametrize("kind", sorted(KNOWN))
def test_the_known_arguments_are_those_of_the_class(kind: str) -> None:
    from great_expectations.expectations import registry

    fields, known = registry.get_expectation_impl(kind).__fields__, KNOWN[kind]
    assert set(known.required) == {name for name, field in fields.items() if field.required}
    assert set(known.optional) <= {name for name, field in fields.items() if not field.required}
    assert known.takes_condition == ("row_condition" in fields)


@pytest.mark.parametrize("kind", sorted(KNOWN))
def test_right_arguments_are_taken_without_the_class_and_by_it(kind: str) -> None:
    known = KNOWN[kind]
    least = set(known.required) | ({"min_value"} if known.together is not None else set())
    for names in [least, *[least | {name} for name in known.optional], least | set(known.optional)]:
        arguments = _example(kind, names)
        assert is_right(kind, arguments), arguments
        assert _taken_by_class(kind, arguments), arguments


@settings(max_examples=1000, deadline=None)
@given(
    kind=st.sampled_from(sorted(KNOWN)), changes=CHANGES, keep=st.sets(st.sampled_from(sorted(EXAMPLES)), max_size=6)
)
def test_what_is_taken_here_is_taken_by_the_class(kind: str, changes: dict[str, Any], keep: set[str]) -> None:
    known = KNOWN[kind]
    arguments = _example(kind, set(known.required) | (keep & set(known.optional)))
    names = {*known.required, *known.optional}
    for name, value in changes.items():
        # A name that it does not have stands for one that it has: else most changes would only be unknown names.
        of_it = name if name in names or not names else sorted(names)[len(name) % len(names)]
        arguments = (
            {**arguments, of_it: value} if value is not ... else {k: v for k, v in arguments.items() if k != of_it}
        )
    if is_right(kind, arguments):
        assert _taken_by_class(kind, arguments), arguments


@pytest.mark.parametrize("severity", ["critical", "warning", "info", None, "fatal", 3])
def test_a_severity_is_taken_as_by_the_class(severity: Any) -> None:
    kind, arguments = "expect_column_values_to_be_null", {"column": "a"}
    assert is_right(kind, arguments, severity) == _taken_by_class(kind, arguments, severity)


CONDITIONS = [
    'col("b") > 1',
    'col("b c")  >=  -1.50',
    'col("b") == "x y"',
    "col(\"b\") != 'x'",
    ' col("b").notNull()',
    'col("b").NOTNULL()',
    'col("b") <= date("2013-07-01")',
    'col("b") < +2',
    'col("b") == "1"',
    {"type": "comparison", "column": {"name": "b"}, "operator": "IN", "parameter": ["x", "y"]},
    {"type": "comparison", "column": {"name": "b"}, "operator": "NOT_IN", "parameter": [1, 2.5]},
    {"type": "comparison", "column": {"name": "b"}, "operator": "<=", "parameter": "2013-07-01"},
    {"type": "nullity", "column": {"name": "b.c"}, "is_null": True},
    {
        "type": "or",
        "conditions": [
            {"type": "nullity", "column": {"name": "b"}, "is_null": True},
            {
                "type": "and",
                "conditions": [
                    {"type": "comparison", "column": {"name": "b"}, "operator": ">", "parameter": 1},
                    {"type": "comparison", "column": {"name": "c"}, "operator": "==", "parameter": "x"},
                ],
            },
        ],
    },
    {"type": "pass_through", "pass_through_filter": "b > 1"},
]
UNREAD = [
    'col("b") > 1 and col("c") < 2',
    'col("b") > 1e3',
    'col("b") == "é"',
    'col("b") = 1',
    "b > 1",
    {"type": "and", "conditions": [{"type": "or", "conditions": []}]},
    {"type": "comparison", "column": {"name": "b"}, "operator": "IN", "parameter": [1, "x"]},
    {"type": "comparison", "column": {"name": "b"}, "operator": "==", "parameter": None},
    {"type": "comparison", "column": "b", "operator": "==", "parameter": 1},
    {"type": "nullity", "column": {"name": "b"}, "is_null": "yes"},
    ["b > 1"],
]


@pytest.mark.parametrize("written", CONDITIONS)
@pytest.mark.filterwarnings("ignore:The condition_parser", "ignore:Passing a string to the row_condition")
def test_a_condition_is_read_as_great_expectations_reads_it(written: Any) -> None:
    from great_expectations.expectations.core import ExpectColumnValuesToBeNull

    parser = {"condition_parser": "great_expectations"} if isinstance(written, str) else {}
    by_class = ExpectColumnValuesToBeNull(column="a", row_condition=written, **parser).configuration.to_json_dict()
    observed = written_condition(written, parser.get("condition_parser"))
    assert condition_sql(observed) == condition_sql(by_class["kwargs"]["row_condition"])


@pytest.mark.parametrize("written", UNREAD)
def test_a_condition_that_is_not_read_here_is_put_to_great_expectations(written: Any) -> None:
    assert written_condition(written, "great_expectations") is UNKNOWN


@pytest.mark.parametrize("parser", ["pandas", "polars", 3])
def test_another_parsers_condition_is_put_to_great_expectations(parser: Any) -> None:
    assert written_condition("b > 1", parser) is UNKNOWN
    assert written_condition(None, parser) is UNKNOWN
