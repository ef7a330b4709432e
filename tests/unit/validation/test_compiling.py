"""Each expectation becomes the cheapest check that is exact, and none is lost."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.expressions.rules import (
    Between,
    Check,
    DistinctWithinRow,
    InSet,
    IsNull,
    Matches,
    NotNull,
    PairEqual,
    PairGreater,
)
from pipelines.validation.compiling import Checks, compile_suite
from pipelines.validation.gates import Aggregate, Bounds
from pipelines.validation.suite import Expectation
from unit.validation.conftest import Load


def compiled(kind: str, **kwargs: Any) -> Checks:
    """One expectation, compiled; its name without `expect_`."""
    return compile_suite((Expectation("check", f"expect_{kind}", kwargs, "critical"),))


def is_foreign(checks: Checks) -> bool:
    return len(checks.foreign) == 1 and not (checks.rules or checks.gates or checks.schema_gates)


COLUMN = {"column": "a"}
PAIR = {"column_A": "a", "column_B": "b"}
RULES: list[tuple[str, dict[str, Any], Check]] = [
    ("column_values_to_not_be_null", COLUMN, NotNull("a")),
    ("column_values_to_be_null", COLUMN, IsNull("a")),
    ("column_values_to_be_in_set", {**COLUMN, "value_set": ["x", 1]}, InSet("a", ("x", 1))),
    ("column_values_to_not_be_in_set", {**COLUMN, "value_set": ["x"]}, InSet("a", ("x",), negated=True)),
    ("column_values_to_be_between", {**COLUMN, "min_value": 1, "max_value": 2}, Between("a", 1, 2)),
    ("column_values_to_be_between", {**COLUMN, "min_value": 0}, Between("a", 0)),
    (
        "column_values_to_be_between",
        {**COLUMN, "min_value": 1, "max_value": 2, "strict_min": True, "strict_max": True},
        Between("a", 1, 2, strict_minimum=True, strict_maximum=True),
    ),
    ("column_value_lengths_to_be_between", {**COLUMN, "max_value": 3}, Between("a", None, 3, length=True)),
    ("column_value_lengths_to_equal", {**COLUMN, "value": 3}, Between("a", 3, 3, length=True)),
    ("column_values_to_match_regex", {**COLUMN, "regex": "^x"}, Matches("a", ("^x",))),
    ("column_values_to_not_match_regex", {**COLUMN, "regex": "^x"}, Matches("a", ("^x",), negated=True)),
    ("column_values_to_match_regex_list", {**COLUMN, "regex_list": ["x", "y"]}, Matches("a", ("x", "y"))),
    (
        "column_values_to_match_regex_list",
        {**COLUMN, "regex_list": ["x", "y"], "match_on": "all"},
        Matches("a", ("x", "y"), every=True),
    ),
    ("column_values_to_not_match_regex_list", {**COLUMN, "regex_list": ["x"]}, Matches("a", ("x",), negated=True)),
    ("column_pair_values_a_to_be_greater_than_b", PAIR, PairGreater("a", "b")),
    (
        "column_pair_values_a_to_be_greater_than_b",
        {**PAIR, "or_equal": True, "ignore_row_if": "either_value_is_missing"},
        PairGreater("a", "b", or_equal=True, ignore_if="any_missing"),
    ),
    ("column_pair_values_to_be_equal", {**PAIR, "ignore_row_if": "neither"}, PairEqual("a", "b", "never")),
    (
        "select_column_values_to_be_unique_within_record",
        {"column_list": ["a", "b"], "ignore_row_if": "any_value_is_missing"},
        DistinctWithinRow(("a", "b"), "any_missing"),
    ),
]


@pytest.mark.parametrize(
    ("kind", "kwargs", "expected"), RULES, ids=[f"{kind}-{i}" for i, (kind, _, _) in enumerate(RULES)]
)
def test_a_row_level_expectation_becomes_its_rule(kind: str, kwargs: dict[str, Any], expected: Check) -> None:
    checks = compiled(kind, **kwargs)
    assert [rule.check for rule in checks.rules] == [expected]
    assert [*checks.gates, *checks.schema_gates, *checks.foreign] == []
    assert checks.columns() == set(expected.columns)


BOUNDS = {"min_value": 1, "max_value": 5, "strict_max": True}
GATES: list[tuple[str, dict[str, Any], Aggregate, Bounds]] = [
    ("table_row_count_to_be_between", {"min_value": 1}, Aggregate("rows"), Bounds(1)),
    ("table_row_count_to_equal", {"value": 3}, Aggregate("rows"), Bounds(3, 3)),
    *[
        (f"column_{name}_to_be_between", {**COLUMN, **BOUNDS}, Aggregate(name, "a"), Bounds(1, 5, strict_maximum=True))  # type: ignore[arg-type]
        for name in ("min", "max", "mean", "stdev", "sum")
    ],
    (
        "column_proportion_of_non_null_values_to_be_between",
        {**COLUMN, "min_value": 0.9},
        Aggregate("share_of_non_null", "a"),
        Bounds(0.9),
    ),
    (
        "column_distinct_values_to_be_in_set",
        {**COLUMN, "value_set": ["x"]},
        Aggregate("rows_outside_set", "a", ("x",)),
        Bounds(0, 0),
    ),
]


@pytest.mark.parametrize(("kind", "kwargs", "aggregate", "bounds"), GATES, ids=[kind for kind, *_ in GATES])
def test_a_batch_level_expectation_becomes_its_gate(
    kind: str, kwargs: dict[str, Any], aggregate: Aggregate, bounds: Bounds
) -> None:
    checks = compiled(kind, **kwargs)
    assert [(gate.aggregate, gate.bounds) for gate in checks.gates] == [(aggregate, bounds)]
    assert [*checks.rules, *checks.schema_gates, *checks.foreign] == []


@pytest.mark.parametrize(
    ("kind", "kwargs", "exact"),
    [
        ("column_to_exist", COLUMN, False),
        ("table_columns_to_match_set", {"column_set": ["a"]}, True),
        ("table_columns_to_match_set", {"column_set": ["a"], "exact_match": True}, True),
        ("table_columns_to_match_set", {"column_set": ["a"], "exact_match": False}, False),
    ],
)
def test_an_expectation_of_columns_needs_no_data(kind: str, kwargs: dict[str, Any], exact: bool) -> None:
    checks = compiled(kind, **kwargs)
    assert [(gate.columns, gate.exact) for gate in checks.schema_gates] == [(("a",), exact)]
    assert [*checks.rules, *checks.gates, *checks.foreign] == []


def test_a_rule_keeps_its_id_severity_condition_and_share() -> None:
    kwargs = {"column": "a", "mostly": 0.9, "row_condition": "b > 1", "condition_parser": "spark"}
    expectation = Expectation("mine", "expect_column_values_to_not_be_null", kwargs, "warning")
    rule = compile_suite((expectation,)).rules[0]
    assert (rule.id, rule.severity, rule.condition, rule.mostly) == ("mine", "warning", "b > 1", 0.9)
    assert compile_suite((expectation,)).conditions() == ["b > 1"]


@pytest.mark.parametrize(
    "condition",
    [
        {"row_condition": "b > 1", "condition_parser": "pandas"},
        {"row_condition": 'col("b") > 1', "condition_parser": "great_expectations"},
        {"row_condition": "b > 1"},
        {"row_condition": {"type": "comparison", "column": {"name": "b"}, "operator": ">", "parameter": 1}},
    ],
)
def test_a_condition_in_another_language_is_left_to_great_expectations(condition: dict[str, Any]) -> None:
    assert is_foreign(compiled("column_values_to_not_be_null", column="a", **condition))


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("column_values_to_not_be_null", {**COLUMN, "batch_id": "b"}),
        ("column_values_to_be_between", {**COLUMN, "min_value": {"$PARAMETER": "low"}}),
        ("column_values_to_be_in_set", {**COLUMN, "value_set": [["x"]]}),
        ("column_values_to_be_in_set", {**COLUMN, "value_set": ["x", None]}),
        ("column_distinct_values_to_be_in_set", {**COLUMN, "value_set": [["x"]]}),
        (
            "column_mean_to_be_between",
            {**COLUMN, "min_value": 1, "row_condition": "b > 1", "condition_parser": "spark"},
        ),
        ("column_max_to_be_between", {**COLUMN, "min_value": "2013-01-01"}),
        ("column_to_exist", {**COLUMN, "column_index": 2}),
        ("table_row_count_to_be_between", {"min_value": 1, "row_condition": "b > 1", "condition_parser": "spark"}),
        ("table_row_count_to_equal", {"value": 1, "row_condition": "b > 1", "condition_parser": "spark"}),
        ("table_row_count_to_equal", {"value": {"$PARAMETER": "rows"}}),
        ("column_values_to_match_regex", COLUMN),
        ("select_column_values_to_be_unique_within_record", {"column_list": ["a", "b"], "ignore_row_if": "whenever"}),
    ],
)
def test_what_the_one_pass_cannot_compute_exactly_is_left_to_great_expectations(
    kind: str, kwargs: dict[str, Any]
) -> None:
    assert is_foreign(compiled(kind, **kwargs))


def test_a_missing_argument_counts_as_not_given() -> None:
    checks = compiled("column_values_to_be_between", column="a", min_value=1, max_value=None, row_condition=None)
    assert checks.rules[0].check == Between("a", 1)


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


def plausible_items() -> list[dict[str, Any]]:
    """Every expectation of Great Expectations' core with arguments that it takes."""
    from great_expectations.expectations import registry

    items = []
    for kind in registry.list_registered_expectation_implementations():
        implementation = registry.get_expectation_impl(kind)
        kwargs = {name: value for name, value in PLAUSIBLE.items() if name in implementation.__fields__}
        items.append({"type": kind, "kwargs": kwargs})
    return items


OPTIONS: list[dict[str, Any]] = [
    {},
    {"mostly": 0.9},
    {"row_condition": "b > 1", "condition_parser": "spark"},
    {"row_condition": "b > 1", "condition_parser": "pandas"},
    {"strict_min": True, "strict_max": True},
    {"ignore_row_if": None},
    {"batch_id": "b"},
]


@pytest.mark.filterwarnings("ignore:The condition_parser parameter is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Passing a string to the row_condition parameter:DeprecationWarning")
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ",".join(options) or "plain")
def test_no_expectation_is_lost(load: Load, options: dict[str, Any]) -> None:
    from great_expectations.expectations import registry

    items = plausible_items()
    for item in items:
        fields = registry.get_expectation_impl(item["type"]).__fields__
        item["kwargs"] |= {name: value for name, value in options.items() if name in fields and value is not None}
    assert len(items) >= 59
    suite = load(*items)
    checks = compile_suite(suite)
    ids = [check.id for check in (*checks.rules, *checks.gates, *checks.schema_gates)]
    observed = sorted([*ids, *[expectation.check_id for expectation in checks.foreign]])
    assert observed == sorted(item.check_id for item in suite)
    assert checks.expectations == {item.check_id: item for item in suite}


def test_most_row_level_expectations_need_no_pass_of_their_own(load: Load) -> None:
    checks = compile_suite(load(*plausible_items()))
    assert len(checks.rules) == 14
    assert len(checks.gates) == 9
    assert len(checks.schema_gates) == 2
