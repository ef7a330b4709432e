"""Each expectation becomes the cheapest check that is exact, none is lost, and each leads to what the policy says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.config import Policy
from pipelines.config.policy import Action
from pipelines.errors import ConfigurationError
from pipelines.expressions.rules import (
    AllEqual,
    Between,
    Check,
    DistinctWithinRow,
    InSet,
    IsNull,
    Like,
    Matches,
    NotNull,
    PairGreater,
    PairInSet,
    Parses,
    Severity,
    SumEquals,
    Unique,
    ZScoreBelow,
)
from pipelines.validation.compiling import Checks, compile_suite
from pipelines.validation.gates import Aggregate, Bounds, Function, MostCommonInSet, OfSet, Ranges
from pipelines.validation.schema_gates import ColumnAt, ColumnCount, ColumnOrder, Columns, TypeIs
from pipelines.validation.suite import Expectation
from unit.validation.conftest import Load


def expectation(kind: str, severity: Severity = "critical", check_id: str = "check", **kwargs: Any) -> Expectation:
    """One expectation; its name without `expect_`."""
    return Expectation(check_id, f"expect_{kind}", kwargs, severity)


def compiled(kind: str, *, condition: str | None = None, personal: tuple[str, ...] = (), **kwargs: Any) -> Checks:
    """One expectation, compiled."""
    given_one = Expectation("check", f"expect_{kind}", kwargs, "critical", condition=condition)
    return compile_suite((given_one,), personal=personal)


def everything(checks: Checks) -> list[Any]:
    return [*checks.rules, *checks.stage_rules, *checks.gates, *checks.schema_gates, *checks.foreign]


COLUMN = {"column": "a"}
PAIR = {"column_A": "a", "column_B": "b"}
LIST = {"column_list": ["a", "b", "c"]}
AB, ABC = ("a", "b"), ("a", "b", "c")
RULES: list[tuple[str, dict[str, Any], Check]] = [
    ("column_values_to_not_be_null", COLUMN, NotNull("a")),
    ("column_values_to_be_null", COLUMN, IsNull("a")),
    ("column_values_to_be_in_set", {**COLUMN, "value_set": ["x", 1]}, InSet("a", ("x", 1))),
    ("column_values_to_be_in_set", {**COLUMN, "value_set": ["x", None]}, InSet("a", ("x", None))),
    ("column_values_to_be_in_set", {**COLUMN, "value_set": []}, InSet("a", ())),
    ("column_values_to_not_be_in_set", {**COLUMN, "value_set": ["x"]}, InSet("a", ("x",), negated=True)),
    ("column_values_to_be_between", {**COLUMN, "min_value": 1, "max_value": 2}, Between("a", 1, 2)),
    ("column_values_to_be_between", {**COLUMN, "min_value": 0}, Between("a", 0)),
    ("column_values_to_be_between", {**COLUMN, "max_value": 0.5}, Between("a", None, 0.5)),
    ("column_values_to_be_between", {**COLUMN, "min_value": 2, "max_value": 2}, Between("a", 2, 2)),
    ("column_values_to_be_between", {**COLUMN, "min_value": "2013-01-01"}, Between("a", "2013-01-01")),
    ("column_values_to_be_between", {**COLUMN, "min_value": "1.5"}, Between("a", 1.5)),
    (
        "column_values_to_be_between",
        {**COLUMN, "min_value": 1, "max_value": 2, "strict_min": True, "strict_max": True},
        Between("a", 1, 2, strict_minimum=True, strict_maximum=True),
    ),
    ("column_value_lengths_to_be_between", {**COLUMN, "max_value": 3}, Between("a", None, 3, length=True)),
    (
        "column_value_lengths_to_be_between",
        {**COLUMN, "min_value": 2.0, "max_value": 3, "strict_max": True},
        Between("a", 2, 3, strict_maximum=True, length=True),
    ),
    ("column_value_lengths_to_equal", {**COLUMN, "value": 3}, Between("a", 3, 3, length=True)),
    ("column_values_to_match_regex", {**COLUMN, "regex": "^x"}, Matches("a", ("^x",))),
    ("column_values_to_match_regex", COLUMN, Matches("a", ("(?s).*",))),
    ("column_values_to_not_match_regex", {**COLUMN, "regex": "^x"}, Matches("a", ("^x",), negated=True)),
    ("column_values_to_match_regex_list", {**COLUMN, "regex_list": ["x", "y"]}, Matches("a", ("x", "y"))),
    (
        "column_values_to_match_regex_list",
        {**COLUMN, "regex_list": ["x", "y"], "match_on": "any"},
        Matches("a", ("x", "y")),
    ),
    (
        "column_values_to_match_regex_list",
        {**COLUMN, "regex_list": ["x", "y"], "match_on": "all"},
        Matches("a", ("x", "y"), every=True),
    ),
    ("column_values_to_not_match_regex_list", {**COLUMN, "regex_list": ["x"]}, Matches("a", ("x",), negated=True)),
    ("column_values_to_match_like_pattern", {**COLUMN, "like_pattern": "x%"}, Like("a", ("x%",))),
    (
        "column_values_to_match_like_pattern",
        {**COLUMN, "like_pattern": "x!%", "escape": "!"},
        Like("a", ("x!%",), escape="!"),
    ),
    ("column_values_to_not_match_like_pattern", {**COLUMN, "like_pattern": "x%"}, Like("a", ("x%",), negated=True)),
    (
        "column_values_to_match_like_pattern_list",
        {**COLUMN, "like_pattern_list": ["x%", "y%"]},
        Like("a", ("x%", "y%")),
    ),
    (
        "column_values_to_match_like_pattern_list",
        {**COLUMN, "like_pattern_list": ["x%", "y%"], "match_on": "all"},
        Like("a", ("x%", "y%"), every=True),
    ),
    (
        "column_values_to_not_match_like_pattern_list",
        {**COLUMN, "like_pattern_list": ["x%", "y%"], "escape": "!"},
        Like("a", ("x%", "y%"), escape="!", negated=True),
    ),
    ("column_values_to_match_strftime_format", {**COLUMN, "strftime_format": "%Y-%m"}, Parses("a", "time", "%Y-%m")),
    ("column_values_to_be_dateutil_parseable", COLUMN, Parses("a", "date")),
    ("column_values_to_be_json_parseable", COLUMN, Parses("a", "json")),
    (
        "column_values_to_match_json_schema",
        {**COLUMN, "json_schema": {"type": "object", "required": ["x"]}},
        Parses("a", "json_schema", '{"required": ["x"], "type": "object"}'),
    ),
    ("column_pair_values_a_to_be_greater_than_b", PAIR, PairGreater(AB)),
    (
        "column_pair_values_a_to_be_greater_than_b",
        {**PAIR, "or_equal": True, "ignore_row_if": "either_value_is_missing"},
        PairGreater(AB, "any_missing", or_equal=True),
    ),
    ("column_pair_values_to_be_equal", PAIR, AllEqual(AB)),
    ("column_pair_values_to_be_equal", {**PAIR, "ignore_row_if": "both_values_are_missing"}, AllEqual(AB)),
    ("column_pair_values_to_be_equal", {**PAIR, "ignore_row_if": "neither"}, AllEqual(AB, "never")),
    (
        "column_pair_values_to_be_in_set",
        {**PAIR, "value_pairs_set": [["x", 1], [None, 2]]},
        PairInSet(AB, pairs=(("x", 1), (None, 2))),
    ),
    ("multicolumn_values_to_be_equal", {**LIST, "ignore_row_if": "never"}, AllEqual(ABC, "never")),
    ("multicolumn_sum_to_equal", {**LIST, "sum_total": 3}, SumEquals(ABC, total=3.0)),
    (
        "multicolumn_sum_to_equal",
        {**LIST, "sum_total": 0.5, "ignore_row_if": "any_value_is_missing"},
        SumEquals(ABC, "any_missing", total=0.5),
    ),
    (
        "select_column_values_to_be_unique_within_record",
        {**LIST, "ignore_row_if": "any_value_is_missing"},
        DistinctWithinRow(ABC, "any_missing"),
    ),
]
STAGE_RULES: list[tuple[str, dict[str, Any], Check]] = [
    ("column_values_to_be_unique", COLUMN, Unique(("a",))),
    ("compound_columns_to_be_unique", LIST, Unique(ABC)),
    ("compound_columns_to_be_unique", {**LIST, "ignore_row_if": "never"}, Unique(ABC, "never")),
    ("column_value_z_scores_to_be_less_than", {**COLUMN, "threshold": 3}, ZScoreBelow("a", 3)),
    (
        "column_value_z_scores_to_be_less_than",
        {**COLUMN, "threshold": -2.5, "double_sided": True},
        ZScoreBelow("a", 2.5),
    ),
    (
        "column_value_z_scores_to_be_less_than",
        {**COLUMN, "threshold": -2.5, "double_sided": False},
        ZScoreBelow("a", -2.5, double_sided=False),
    ),
]


def ids(table: list[Any]) -> list[str]:
    return [f"{row[0]}-{number}" for number, row in enumerate(table)]


@pytest.mark.parametrize(("kind", "kwargs", "expected"), RULES, ids=ids(RULES))
def test_a_row_level_expectation_becomes_its_rule(kind: str, kwargs: dict[str, Any], expected: Check) -> None:
    checks = compiled(kind, **kwargs)
    assert [rule.check for rule in checks.rules] == [expected]
    assert everything(checks) == list(checks.rules)
    assert checks.columns() == set(expected.columns)


@pytest.mark.parametrize(("kind", "kwargs", "expected"), STAGE_RULES, ids=ids(STAGE_RULES))
def test_what_needs_the_whole_slice_becomes_a_rule_of_the_stage(
    kind: str, kwargs: dict[str, Any], expected: Check
) -> None:
    checks = compiled(kind, **kwargs)
    assert [rule.check for rule in checks.stage_rules] == [expected]
    assert everything(checks) == list(checks.stage_rules) == list(checks.all_rules)
    assert checks.columns() == set(expected.columns)


BOUNDS = {"min_value": 1, "max_value": 5, "strict_max": True}
WITHIN = Bounds(1, 5, strict_maximum=True)
BOUNDED: dict[str, Function] = {
    "min": "min",
    "max": "max",
    "mean": "mean",
    "stdev": "stdev",
    "sum": "sum",
    "median": "median",
    "proportion_of_non_null_values": "share_of_non_null",
    "proportion_of_unique_values": "share_of_distinct",
    "unique_value_count": "distinct",
}
SET = {**COLUMN, "value_set": ["x", "y"]}
XY = ("x", "y")
OF_XY = Aggregate("distinct_of_set", "a", values=XY)
QUANTILES = {"quantiles": [0.1, 0.5], "value_ranges": [[None, 2], [1.5, 3]]}
GATES: list[tuple[str, dict[str, Any], Aggregate, Any]] = [
    ("table_row_count_to_be_between", {"min_value": 1}, Aggregate("rows"), Bounds(1)),
    ("table_row_count_to_equal", {"value": 3}, Aggregate("rows"), Bounds(3, 3)),
    *[
        (f"column_{name}_to_be_between", {**COLUMN, **BOUNDS}, Aggregate(function, "a"), WITHIN)
        for name, function in BOUNDED.items()
    ],
    ("column_mean_to_be_between", COLUMN, Aggregate("mean", "a"), Bounds()),
    ("column_min_to_be_between", {**COLUMN, "min_value": "2013-01-01"}, Aggregate("min", "a"), Bounds("2013-01-01")),
    ("column_max_to_be_between", {**COLUMN, "max_value": "7"}, Aggregate("max", "a"), Bounds(None, 7.0)),
    (
        "column_max_to_be_between",
        {**COLUMN, "max_value": "2013-01-01"},
        Aggregate("max", "a"),
        Bounds(None, "2013-01-01"),
    ),
    (
        "column_max_to_be_between",
        {**COLUMN, "min_value": 1, "strict_min": True},
        Aggregate("max", "a"),
        Bounds(1, strict_minimum=True),
    ),
    ("column_distinct_values_to_be_in_set", SET, OF_XY, OfSet(XY, outside=True, all_there=False)),
    ("column_distinct_values_to_contain_set", SET, OF_XY, OfSet(XY, outside=False, all_there=True)),
    ("column_distinct_values_to_equal_set", SET, OF_XY, OfSet(XY, outside=True, all_there=True)),
    (
        "column_most_common_value_to_be_in_set",
        SET,
        Aggregate("most_common", "a", values=XY),
        MostCommonInSet(XY, ties=False),
    ),
    (
        "column_most_common_value_to_be_in_set",
        {**SET, "ties_okay": True},
        Aggregate("most_common", "a", values=XY),
        MostCommonInSet(XY, ties=True),
    ),
    (
        "column_quantile_values_to_be_between",
        {**COLUMN, "quantile_ranges": QUANTILES, "allow_relative_error": False},
        Aggregate("quantiles", "a", quantiles=(0.1, 0.5)),
        Ranges((0.1, 0.5), ((None, 2), (1.5, 3))),
    ),
    (
        "column_quantile_values_to_be_between",
        {**COLUMN, "quantile_ranges": {"quantiles": [0, 1], "value_ranges": [[1, 2], [3, 4]]}},
        Aggregate("quantiles", "a", quantiles=(0, 1)),
        Ranges((0, 1), ((1, 2), (3, 4))),
    ),
]
ON_STAGE = {"distinct", "share_of_distinct", "distinct_of_set", "median", "quantiles", "most_common"}


@pytest.mark.parametrize(("kind", "kwargs", "aggregate", "expected"), GATES, ids=ids(GATES))
def test_a_batch_level_expectation_becomes_its_gate(
    kind: str, kwargs: dict[str, Any], aggregate: Aggregate, expected: Any
) -> None:
    checks = compiled(kind, **kwargs)
    assert [(gate.aggregate, gate.test) for gate in checks.gates] == [(aggregate, expected)]
    assert everything(checks) == list(checks.gates)
    assert checks.columns() == ({aggregate.column} if aggregate.column else set())
    on_stage = aggregate.function in ON_STAGE
    assert (checks.stage_gates if on_stage else checks.pass_gates) == checks.gates
    assert [measured for _, measured in checks.measured] == ([] if on_stage else [aggregate])


SCHEMA_GATES: list[tuple[str, dict[str, Any], Any]] = [
    ("column_to_exist", COLUMN, Columns(("a",))),
    ("column_to_exist", {**COLUMN, "column_index": 2}, ColumnAt("a", 2)),
    ("column_to_exist", {**COLUMN, "column_index": -1}, ColumnAt("a", -1)),
    ("column_to_exist", {**COLUMN, "column_index": 0}, Columns(("a",))),  # which is no index to Great Expectations
    ("table_columns_to_match_set", {"column_set": ["a"]}, Columns(("a",), exact=True)),
    ("table_columns_to_match_set", {"column_set": ["a"], "exact_match": True}, Columns(("a",), exact=True)),
    ("table_columns_to_match_set", {"column_set": ["a"], "exact_match": False}, Columns(("a",))),
    ("table_columns_to_match_ordered_list", {"column_list": ["b", "a"]}, ColumnOrder(("b", "a"))),
    ("table_column_count_to_be_between", {"min_value": 2}, ColumnCount(Bounds(2))),
    ("table_column_count_to_equal", {"value": 2}, ColumnCount(Bounds(2, 2))),
    ("column_values_to_be_of_type", {**COLUMN, "type_": "StringType"}, TypeIs("a", ("StringType",))),
    ("column_type_to_be", {**COLUMN, "type_": "DoubleType"}, TypeIs("a", ("DoubleType",))),
    (
        "column_values_to_be_in_type_list",
        {**COLUMN, "type_list": ["LongType", "int64", "IntegerType"]},
        TypeIs("a", ("LongType", "IntegerType")),
    ),
]


@pytest.mark.parametrize(("kind", "kwargs", "expected"), SCHEMA_GATES, ids=ids(SCHEMA_GATES))
def test_an_expectation_of_columns_needs_no_data(kind: str, kwargs: dict[str, Any], expected: Any) -> None:
    checks = compiled(kind, **kwargs)
    assert [gate.test for gate in checks.schema_gates] == [expected]
    assert everything(checks) == list(checks.schema_gates)
    assert checks.columns() == set()


def test_a_rule_keeps_its_id_severity_condition_and_share() -> None:
    kwargs = {"column": "a", "mostly": 0.9, "row_condition": "b > 1", "condition_parser": "spark"}
    suite = (Expectation("mine", "expect_column_values_to_not_be_null", kwargs, "warning", condition="b > 1"),)
    (rule,) = compile_suite(suite).rules
    assert (rule.id, rule.severity, rule.condition, rule.mostly) == ("mine", "warning", "b > 1", 0.9)
    (plain,) = compiled(NOT_NULL, column="a").rules
    assert (plain.id, plain.severity, plain.condition, plain.mostly) == ("check", "critical", None, 1.0)


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("column_max_to_be_between", {**COLUMN, "min_value": 1}),
        ("table_row_count_to_equal", {"value": 1}),
        ("column_distinct_values_to_equal_set", SET),
        ("column_most_common_value_to_be_in_set", SET),
        ("column_quantile_values_to_be_between", {**COLUMN, "quantile_ranges": QUANTILES}),
    ],
)
def test_a_gate_keeps_its_condition(kind: str, kwargs: dict[str, Any]) -> None:
    (gate,) = compiled(kind, condition="b > 1", row_condition="b > 1", condition_parser="spark", **kwargs).gates
    assert gate.aggregate.condition == "b > 1"


def test_conditions_are_those_of_rules_and_gates_each_once() -> None:
    suite = [
        Expectation(str(number), f"expect_{kind}", {**COLUMN, **kwargs}, "critical", condition=condition)
        for number, (kind, kwargs, condition) in enumerate(
            [
                ("column_values_to_not_be_null", {}, "b > 1"),
                ("column_values_to_be_null", {}, None),
                ("column_values_to_be_unique", {}, "b > 2"),
                ("column_min_to_be_between", {"min_value": 1}, "b > 1"),
                ("column_median_to_be_between", {"min_value": 1}, "b > 3"),
            ]
        )
    ]
    assert compile_suite(tuple(suite)).conditions() == ["b > 1", "b > 2", "b > 3"]


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("column_values_to_not_be_null", {**COLUMN, "batch_id": "b"}),
        ("column_max_to_be_between", {**COLUMN, "min_value": 1, "batch_id": "b"}),
        ("column_values_to_be_between", {**COLUMN, "min_value": {"$PARAMETER": "low"}}),
        ("column_values_to_not_be_null", {**COLUMN, "mostly": {"$PARAMETER": "share"}}),
        ("table_row_count_to_equal", {"value": {"$PARAMETER": "rows"}}),
        ("table_column_count_to_equal", {"value": {"$PARAMETER": "columns"}}),
        ("column_values_to_be_in_set", {**COLUMN, "value_set": [["x"]]}),
        ("column_pair_values_to_be_in_set", {**PAIR, "value_pairs_set": [[["x"], 1]]}),
        ("column_pair_values_to_be_in_set", {**PAIR, "value_pairs_set": []}),
        ("column_distinct_values_to_be_in_set", {**COLUMN, "value_set": [["x"]]}),
        ("column_distinct_values_to_equal_set", {**COLUMN, "value_set": ["x", None]}),
        ("column_most_common_value_to_be_in_set", {**COLUMN, "value_set": ["x", None]}),
        ("column_mean_to_be_between", {**COLUMN, "min_value": "2013-01-01"}),
        (
            "column_quantile_values_to_be_between",
            {**COLUMN, "quantile_ranges": QUANTILES, "allow_relative_error": True},
        ),
        ("column_values_to_be_increasing", COLUMN),
    ],
)
def test_what_cannot_be_computed_exactly_is_left_to_great_expectations(kind: str, kwargs: dict[str, Any]) -> None:
    checks = compiled(kind, **kwargs)
    assert [foreign.expectation for foreign in checks.foreign] == list(checks.suite)
    assert everything(checks) == list(checks.foreign)


def test_a_missing_argument_counts_as_not_given() -> None:
    checks = compiled("column_values_to_be_between", column="a", min_value=1, max_value=None, row_condition=None)
    assert checks.rules[0].check == Between("a", 1)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("column_values_to_be_between", COLUMN, "expected a min_value, a max_value or both; found neither"),
    (
        "column_values_to_be_between",
        {**COLUMN, "min_value": 2, "max_value": 1},
        "min_value 2 is greater than max_value 1",
    ),
    ("column_values_to_be_between", {**COLUMN, "min_value": [1]}, "expected a number or a time as a bound"),
    ("column_max_to_be_between", {**COLUMN, "max_value": {}}, "expected a number or a time as a bound"),
    ("column_value_lengths_to_be_between", COLUMN, "found neither"),
    ("column_value_lengths_to_be_between", {**COLUMN, "min_value": 1.5}, "min_value: expected a whole number"),
    ("column_value_lengths_to_be_between", {**COLUMN, "max_value": 1.5}, "max_value: expected a whole number"),
    ("column_value_lengths_to_be_between", {**COLUMN, "min_value": 3, "max_value": 2}, "min_value 3 is greater"),
    ("column_value_lengths_to_equal", {**COLUMN, "value": 1.5}, "value: expected a whole number; found 1.5"),
    ("table_row_count_to_equal", {"value": 2.5}, "value: expected a whole number; found 2.5"),
    ("table_column_count_to_equal", {"value": 2.5}, "value: expected a whole number; found 2.5"),
    ("column_values_to_match_regex_list", {**COLUMN, "regex_list": []}, "regex_list: expected one pattern at least"),
    ("column_values_to_not_match_regex_list", {**COLUMN, "regex_list": []}, "regex_list: expected one pattern"),
    ("column_values_to_match_like_pattern_list", {**COLUMN, "like_pattern_list": []}, "like_pattern_list: expected"),
    ("column_values_to_match_strftime_format", {**COLUMN, "strftime_format": "%Q"}, "'%Q' cannot read what it writes"),
    ("column_values_to_match_strftime_format", {**COLUMN, "strftime_format": "%D"}, "'%D' cannot read what it writes"),
    ("column_values_to_match_strftime_format", {**COLUMN, "strftime_format": "%Y %Y"}, "cannot read what it writes"),
    ("column_values_to_match_json_schema", {**COLUMN, "json_schema": {"type": "thing"}}, "json_schema: no JSON Schema"),
    ("column_values_to_match_json_schema", {**COLUMN, "json_schema": {"pattern": "["}}, "json_schema: no JSON Schema"),
    ("column_values_to_be_of_type", {**COLUMN, "type_": "Strng"}, "'Strng' is no Spark type"),
    ("column_values_to_be_of_type", {**COLUMN, "type_": "StringTyp"}, "did you mean 'StringType'?"),
    ("column_type_to_be", {**COLUMN, "type_": "Row"}, "'Row' is no Spark type"),
    ("column_values_to_be_in_type_list", {**COLUMN, "type_list": ["int64"]}, "'int64' is no Spark type"),
    ("column_values_to_be_in_type_list", {**COLUMN, "type_list": ["int", "str"]}, "none of int, str is a Spark type"),
    ("column_values_to_be_in_type_list", COLUMN, "no type_list"),
    ("table_columns_to_match_ordered_list", {}, "no column_list"),
    (
        "column_quantile_values_to_be_between",
        {**COLUMN, "quantile_ranges": {"quantiles": [0.1, 0.5], "value_ranges": [[1, 2]]}},
        "2 quantiles and 1 value_ranges",
    ),
    (
        "column_quantile_values_to_be_between",
        {**COLUMN, "quantile_ranges": {"quantiles": [], "value_ranges": []}},
        "0 quantiles",
    ),
    (
        "column_quantile_values_to_be_between",
        {**COLUMN, "quantile_ranges": {"quantiles": [1.5], "value_ranges": [[1, 2]]}},
        "expected quantiles from 0 to 1; found 1.5",
    ),
    (
        "column_quantile_values_to_be_between",
        {**COLUMN, "quantile_ranges": {"quantiles": [0.5, -0.1], "value_ranges": [[1, 2], [1, 2]]}},
        "expected quantiles from 0 to 1; found 0.5, -0.1",
    ),
    ("column_values_to_be_between", {**COLUMN, "min_value": 2**63}, "has more than 64 bits"),
    ("column_values_to_be_between", {**COLUMN, "min_value": -(2**63) - 1}, "has more than 64 bits"),
    ("column_values_to_be_in_set", {**COLUMN, "value_set": [1, 2**70]}, "has more than 64 bits"),
    ("column_pair_values_to_be_in_set", {**PAIR, "value_pairs_set": [[1, 2**70]]}, "has more than 64 bits"),
    ("column_max_to_be_between", {**COLUMN, "max_value": 2**70}, "has more than 64 bits"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "kwargs", "expected"), WRONG, ids=ids(WRONG))
def test_arguments_that_no_data_can_be_judged_by_are_refused_with_the_checks_id(
    kind: str, kwargs: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compiled(kind, **kwargs)
    assert str(caught.value).startswith(f"check 'check': expect_{kind}: wrong arguments")
    assert expected in (caught.value.found or "")


@given(st.integers())
@example(2**63)
@example(2**63 - 1)
@example(-(2**63))
@example(-(2**63) - 1)
def test_a_whole_number_is_taken_iff_a_column_could_hold_it(number: int) -> None:
    fits = -(2**63) <= number <= 2**63 - 1
    try:
        (rule,) = compiled("column_values_to_be_in_set", column="a", value_set=[number]).rules
    except ConfigurationError:
        assert not fits
    else:
        assert fits
        assert rule.check == InSet("a", (number,))


@pytest.mark.parametrize("total", [2**70, -(2**70), 0.1])
def test_a_total_may_have_more_than_64_bits(total: float) -> None:
    (rule,) = compiled("multicolumn_sum_to_equal", column_list=["a"], sum_total=total).rules
    assert rule.check == SumEquals(("a",), total=float(total))


# What a broken check leads to.

NOT_NULL, MEAN, UNKNOWN = "column_values_to_not_be_null", "column_mean_to_be_between", "column_values_to_be_increasing"


def with_policy(kind: str, severity: Severity, policy: dict[str, Any], **kwargs: Any) -> Any:
    suite = (expectation(kind, severity, column="a", **kwargs),)
    (item,) = everything(compile_suite(suite, Policy.model_validate(policy)))
    return item


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, {"critical": "quarantine", "warning": "warn", "info": "warn"}),
        ({"rows": {"critical": "reject"}}, {"critical": "reject", "warning": "warn", "info": "warn"}),
        ({"rows": {"warning": "quarantine"}}, {"critical": "quarantine", "warning": "quarantine", "info": "warn"}),
        ({"batch": {"info": "reject"}}, {"critical": "quarantine", "warning": "warn", "info": "warn"}),
    ],
)
@pytest.mark.parametrize("kind", [NOT_NULL, "column_values_to_be_unique"])
def test_rows_follow_the_policy_for_rows_by_severity(kind: str, policy: dict[str, Any], expected: Any) -> None:
    assert {level: with_policy(kind, level, policy).action for level in expected} == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, {"critical": "reject", "warning": "warn", "info": "warn"}),
        ({"batch": {"critical": "warn", "info": "reject"}}, {"critical": "warn", "warning": "warn", "info": "reject"}),
        ({"rows": {"critical": "warn"}}, {"critical": "reject", "warning": "warn", "info": "warn"}),
    ],
)
@pytest.mark.parametrize(
    "kind", [MEAN, "column_median_to_be_between", "column_to_exist", UNKNOWN], ids=["pass", "stage", "schema", "engine"]
)
def test_batches_follow_the_policy_for_batches_by_severity(kind: str, policy: dict[str, Any], expected: Any) -> None:
    assert {level: with_policy(kind, level, policy).action for level in expected} == expected


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        *[(NOT_NULL, action) for action in ("reject", "quarantine", "warn")],
        *[(kind, action) for kind in (MEAN, "column_to_exist", UNKNOWN) for action in ("reject", "warn")],
    ],
)
@pytest.mark.parametrize("severity", ["critical", "info"])
def test_the_policy_for_a_check_goes_before_its_severity(kind: str, action: Action, severity: Severity) -> None:
    assert with_policy(kind, severity, {"checks": {"check": action}}).action == action


def test_the_policy_for_a_check_changes_no_other() -> None:
    suite = (expectation(NOT_NULL, column="a"), expectation(NOT_NULL, column="b", check_id="other"))
    rules = compile_suite(suite, Policy(checks={"check": "warn"})).rules
    assert [(rule.id, rule.action) for rule in rules] == [("check", "warn"), ("other", "quarantine")]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, ("quarantine", "reject")),
        ({"batch": {"critical": "warn"}}, ("quarantine", "warn")),
        ({"rows": {"critical": "warn"}}, ("warn", "reject")),
        ({"checks": {"check": "warn"}}, ("warn", "reject")),
        ({"checks": {"check:mostly": "warn"}}, ("quarantine", "warn")),
        ({"batch": {"critical": "warn"}, "checks": {"check:mostly": "reject"}}, ("quarantine", "reject")),
    ],
)
def test_the_gate_on_the_share_follows_the_policy_for_batches(
    policy: dict[str, Any], expected: tuple[str, str]
) -> None:
    rule = with_policy(NOT_NULL, "critical", policy, mostly=0.9)
    assert (rule.action, rule.mostly_action) == expected


@pytest.mark.parametrize(
    ("kind", "check_id", "kwargs"),
    [
        (MEAN, "check", {}),
        ("column_median_to_be_between", "check", {}),
        ("column_to_exist", "check", {}),
        (UNKNOWN, "check", {}),
        (NOT_NULL, "check:mostly", {"mostly": 0.9}),
    ],
)
def test_what_judges_the_slice_as_a_whole_cannot_quarantine_rows(
    kind: str, check_id: str, kwargs: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match=f"policy.checks: '{check_id}' judges the slice as a whole") as caught:
        with_policy(kind, "critical", {"checks": {check_id: "quarantine"}}, **kwargs)
    assert caught.value.expected == "reject or warn, as no single rows can be quarantined"


def test_a_policy_for_a_check_that_is_not_there_is_told_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"policy\.checks: there is no check 'chekc'") as caught:
        with_policy(NOT_NULL, "critical", {"checks": {"chekc": "warn"}})
    assert caught.value.remedy == "did you mean 'check'?"


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [(NOT_NULL, {}), (UNKNOWN, {"mostly": 0.9}), ("column_values_to_be_of_type", {"type_": "LongType", "mostly": 0.9})],
)
def test_a_share_that_is_judged_by_no_gate_of_its_own_has_no_policy(kind: str, kwargs: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="there is no check 'check:mostly'"):
        with_policy(kind, "critical", {"checks": {"check:mostly": "warn"}}, **kwargs)


# What the stage would have to hold of personal columns.


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("column_median_to_be_between", {"min_value": 1}),
        ("column_quantile_values_to_be_between", {"quantile_ranges": QUANTILES}),
        ("column_unique_value_count_to_be_between", {"min_value": 1}),
        ("column_proportion_of_unique_values_to_be_between", {"min_value": 1}),
        ("column_distinct_values_to_be_in_set", {"value_set": ["x"]}),
        ("column_most_common_value_to_be_in_set", {"value_set": ["x"]}),
        ("column_value_z_scores_to_be_less_than", {"threshold": 3}),
    ],
)
def test_values_of_a_personal_column_are_not_staged_but_left_to_the_engine(kind: str, kwargs: dict[str, Any]) -> None:
    (foreign,) = compiled(kind, personal=("a",), column="a", **kwargs).foreign
    assert foreign.why == "its column is personal, and the stage would have to hold the values"
    assert compiled(kind, personal=("b",), column="a", **kwargs).foreign == ()


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        (NOT_NULL, COLUMN),
        ("column_max_to_be_between", {**COLUMN, "min_value": 1}),
        ("column_values_to_be_unique", COLUMN),  # of which the stage holds digests
        ("column_to_exist", COLUMN),
    ],
)
def test_what_needs_no_staged_value_is_computed_of_a_personal_column_too(kind: str, kwargs: dict[str, Any]) -> None:
    assert compiled(kind, personal=("a",), **kwargs).foreign == ()


def test_what_the_engine_judges_in_a_rules_place_cannot_quarantine_rows() -> None:
    suite = (expectation("column_value_z_scores_to_be_less_than", column="a", threshold=3, double_sided=True),)
    assert compile_suite(suite, Policy(checks={"check": "quarantine"})).foreign == ()
    with pytest.raises(ConfigurationError, match="judges the slice as a whole"):
        compile_suite(suite, Policy(checks={"check": "quarantine"}), personal=["a"])


# Great Expectations' core.

PLAUSIBLE: dict[str, Any] = {
    "column": "a",
    "column_A": "a",
    "column_B": "b",
    "column_list": ["a", "b"],
    "column_set": ["a", "b"],
    "value_set": ["x", "y"],
    "value_pairs_set": [["x", "y"]],
    "value": 3,
    "min_value": 1,
    "max_value": 9,
    "regex": "x",
    "regex_list": ["x"],
    "like_pattern": "x%",
    "like_pattern_list": ["x%"],
    "strftime_format": "%Y",
    "json_schema": {"type": "object"},
    "type_": "StringType",
    "type_list": ["StringType"],
    "threshold": 3,
    "double_sided": True,
    "sum_total": 3,
    "partition_object": {"values": ["x"], "weights": [1.0]},
    "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1, 2]]},
    "base_query": "SELECT 1",
    "comparison_query": "SELECT 1",
    "comparison_data_source_name": "other",
    "other_table_name": "other",
    "unexpected_rows_query": "SELECT * FROM {batch} WHERE a > 1",
}
NOTHING_THE_SAME = "no rule or gate means exactly the same"
LEFT_TO_THE_ENGINE = {
    "expect_column_kl_divergence_to_be_less_than",
    "expect_column_values_to_be_increasing",
    "expect_column_values_to_be_decreasing",
    "expect_column_values_to_not_be_outliers",
    "expect_query_results_to_match_comparison",
    "expect_table_row_count_to_equal_other_table",
    "unexpected_rows_expectation",
}


def plausible_items() -> list[dict[str, Any]]:
    """Every expectation of Great Expectations' core with arguments that it takes."""
    from great_expectations.expectations import registry

    items = []
    for kind in registry.list_registered_expectation_implementations():
        implementation = registry.get_expectation_impl(kind)
        kwargs = {name: value for name, value in PLAUSIBLE.items() if name in implementation.__fields__}
        items.append({"type": kind, "kwargs": kwargs})
    return items


def test_of_the_core_52_are_compiled_and_7_left_to_the_engine(load: Load) -> None:
    items = plausible_items()
    assert len(items) == 59
    checks = compile_suite(load(*items))
    assert {foreign.expectation.type for foreign in checks.foreign} == LEFT_TO_THE_ENGINE
    numbers = [len(part) for part in (checks.rules, checks.stage_rules, checks.gates, checks.schema_gates)]
    assert numbers == [25, 3, 16, 8]


def test_each_of_the_7_says_why_it_is_left_to_the_engine(load: Load) -> None:
    foreign = compile_suite(load(*plausible_items())).foreign
    assert not [item.expectation.type for item in foreign if item.why == NOTHING_THE_SAME]
    assert [item.why for item in compiled(NOT_NULL, column="a", batch_id="b").foreign] == [NOTHING_THE_SAME]


def test_the_tables_above_name_every_expectation_that_is_compiled() -> None:
    named = {f"expect_{row[0]}" for row in (*RULES, *STAGE_RULES, *GATES, *SCHEMA_GATES)}
    assert named == {item["type"] for item in plausible_items()} - LEFT_TO_THE_ENGINE


OPTIONS: list[dict[str, Any]] = [
    {},
    {"mostly": 0.9},
    {"row_condition": "b > 1", "condition_parser": "spark"},
    {"row_condition": 'col("b") > 1', "condition_parser": "great_expectations"},
    {"strict_min": True, "strict_max": True},
    {"batch_id": "b"},
]


@pytest.mark.filterwarnings("ignore:The condition_parser parameter is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Passing a string to the row_condition parameter:DeprecationWarning")
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ",".join(map(str, options.values())) or "plain")
@pytest.mark.parametrize("personal", [(), ("a",)], ids=["", "personal"])
def test_no_expectation_is_lost(load: Load, options: dict[str, Any], personal: tuple[str, ...]) -> None:
    from great_expectations.expectations import registry

    items = plausible_items()
    for item in items:
        fields = registry.get_expectation_impl(item["type"]).__fields__
        item["kwargs"] |= {name: value for name, value in options.items() if name in fields}
    suite = load(*items)
    checks = compile_suite(suite, personal=personal)
    compiled_ids = [item.id for item in everything(checks) if item not in checks.foreign]
    observed = sorted([*compiled_ids, *[foreign.expectation.check_id for foreign in checks.foreign]])
    assert observed == sorted(item.check_id for item in suite)
    assert checks.expectations == {item.check_id: item for item in suite}


def test_checks_stand_in_the_order_of_the_suite() -> None:
    kinds = [NOT_NULL, MEAN, "column_values_to_be_null", "column_min_to_be_between", "column_values_to_be_unique"]
    checks = compile_suite(tuple(expectation(kind, check_id=kind, column="a") for kind in kinds))
    assert [rule.id for rule in checks.all_rules] == [kinds[0], kinds[2], kinds[4]]
    assert [gate.id for gate in checks.gates] == [kinds[1], kinds[3]]
    assert checks.measured == (("gate_0", Aggregate("mean", "a")), ("gate_1", Aggregate("min", "a")))


def test_only_gates_of_the_pass_are_measured_and_numbered_without_those_of_the_stage() -> None:
    kinds = ["column_median_to_be_between", MEAN, "column_unique_value_count_to_be_between", "column_max_to_be_between"]
    checks = compile_suite(tuple(expectation(kind, check_id=kind, column="a") for kind in kinds))
    assert [gate.id for gate in checks.stage_gates] == [kinds[0], kinds[2]]
    assert checks.measured == (("gate_0", Aggregate("mean", "a")), ("gate_1", Aggregate("max", "a")))


def test_an_empty_suite_checks_nothing() -> None:
    checks = compile_suite(())
    assert everything(checks) == []
    assert (checks.columns(), checks.conditions()) == (set(), [])


@pytest.mark.parametrize(
    ("kind", "kwargs", "told"),
    [
        (
            "column_values_to_be_between",
            {"column": "a", "min_value": 1, "strict_min": "false"},
            "strict_min: expected true or false; found 'false'",
        ),
        (
            "column_values_to_match_json_schema",
            {"column": "a", "json_schema": {"$ref": "https://schemas.test/order.json"}},
            "complete in itself",
        ),
    ],
)
def test_arguments_that_would_mean_something_else_are_refused(kind: str, kwargs: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        compiled(kind, **kwargs)
