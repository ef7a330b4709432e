"""What was observed, judged: which results a suite comes to, which of them stop the slice, and what they tell."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import types as T

from pipelines.config import Policy
from pipelines.config.policy import Action
from pipelines.errors import ConfigurationError
from pipelines.expressions.rules import Between, Rule, Severity
from pipelines.validation.compiling import Checks, compile_suite
from pipelines.validation.engine import EngineResult
from pipelines.validation.observing import Observed
from pipelines.validation.suite import Expectation
from pipelines.validation.verdict import (
    CheckResult,
    Verdict,
    described,
    gate_result,
    judge_pass,
    judge_stage,
    personal_of,
    rule_results,
)

SCHEMA = T.StructType([T.StructField(name, T.LongType()) for name in ("a", "b")])


def expectation(kind: str, check_id: str = "given", severity: Severity = "critical", **kwargs: Any) -> Expectation:
    return Expectation(check_id, f"expect_{kind}", kwargs, severity)


def not_null(check_id: str = "given", severity: Severity = "critical", **kwargs: Any) -> Expectation:
    return expectation("column_values_to_not_be_null", check_id, severity, **{"column": "a", **kwargs})


def mean(severity: Severity = "critical") -> Expectation:
    return expectation("column_mean_to_be_between", "mean", severity, column="a", min_value=5)


def judged(
    *suite: Expectation,
    engine: tuple[EngineResult, ...] = (),
    policy: dict[str, Any] | None = None,
    personal: tuple[str, ...] = (),
    rows: int = 10,
    **metrics: Any,
) -> list[CheckResult]:
    """The results of a pass that observed these metrics."""
    checks = compile_suite(suite, Policy.model_validate(policy or {}), personal)
    observed = Observed({"rows": rows, **metrics}, checks.rules, checks.stage_rules)
    return judge_pass(checks, observed, engine, SCHEMA, personal)


def rejecting(results: list[CheckResult]) -> list[str]:
    return [result.check_id for result in Verdict(tuple(results)).rejecting()]


# Rules.


def test_a_rule_without_a_broken_row_succeeds() -> None:
    (result,) = judged(not_null(), broken_0=0)
    assert (result.kind, result.success, result.observed, result.unexpected_count) == ("rule", True, 1.0, 0)
    assert result.expected == "a: a value"
    assert result.expectation == not_null().as_json()


def test_a_broken_rule_quarantines_rows_but_does_not_stop_the_slice() -> None:
    (result,) = judged(not_null(), broken_0=4)
    assert (result.success, result.observed, result.unexpected_count) == (False, 0.6, 4)
    assert result.action == "quarantine"
    assert rejecting([result]) == []


def test_a_rule_counts_the_rows_that_it_does_not_judge_for_their_nulls() -> None:
    between = expectation("column_values_to_be_between", column="a", min_value=1)
    (result,) = judged(between, broken_0=2, population_0=8)
    assert (result.element_count, result.missing_count, result.unexpected_count) == (10, 2, 2)
    assert result.observed == 0.75


def test_a_rule_of_several_columns_names_them() -> None:
    greater = expectation("column_pair_values_a_to_be_greater_than_b", column_A="a", column_B="b")
    assert judged(greater, broken_0=0, population_0=10)[0].expected == "a, b: a > b"


@pytest.mark.parametrize(("broken", "expected"), [(0, []), (1, ["given"])])
def test_a_rule_that_rejects_stops_the_slice_at_its_first_broken_row(broken: int, expected: list[str]) -> None:
    assert rejecting(judged(not_null(), policy={"rows": {"critical": "reject"}}, broken_0=broken)) == expected


@pytest.mark.parametrize(("broken", "expected"), [(0, True), (1, True), (2, False), (10, False)])
def test_mostly_is_a_gate_on_the_share_that_holds(broken: int, expected: bool) -> None:
    results = judged(not_null(mostly=0.9), broken_0=broken)
    assert [(result.check_id, result.kind) for result in results] == [("given", "rule"), ("given:mostly", "gate")]
    assert [result.success for result in results] == [expected, expected]
    assert [result.observed for result in results] == [(10 - broken) / 10] * 2
    assert results[1].expected == ">= 0.9 of the rows hold"
    assert rejecting(results) == ([] if expected else ["given:mostly"])


def test_a_share_that_holds_is_of_the_judged_rows_only() -> None:
    between = expectation("column_values_to_be_between", column="a", min_value=1, mostly=0.75)
    assert [result.success for result in judged(between, broken_0=2, population_0=8)] == [True, True]
    assert [result.success for result in judged(between, broken_0=2, population_0=7)] == [False, False]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, ["given:mostly"]),
        ({"checks": {"given:mostly": "warn"}}, []),
        ({"checks": {"given": "reject"}}, ["given", "given:mostly"]),
        ({"batch": {"critical": "warn"}, "checks": {"given": "reject"}}, ["given"]),
    ],
)
def test_what_too_many_broken_rows_stop_is_said_by_the_policy(policy: dict[str, Any], expected: list[str]) -> None:
    assert rejecting(judged(not_null(mostly=0.9), policy=policy, broken_0=5)) == expected


def test_a_warning_rule_does_not_stop_the_slice() -> None:
    results = judged(not_null(severity="warning", mostly=0.9), broken_0=10)
    assert [result.success for result in results] == [False, False]
    assert [result.action for result in results] == ["warn", "warn"]
    assert rejecting(results) == []


def test_a_rule_that_judged_no_row_holds() -> None:
    results = judged(not_null(mostly=0.9), rows=0, broken_0=0)
    assert [(result.success, result.observed) for result in results] == [(True, 1.0), (True, 1.0)]


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.floats(0, 1))
def test_the_counts_of_a_rule_add_up(broken: int, holding: int, missing: int, mostly: float) -> None:
    rule = Rule("given", Between("a", 1), mostly=mostly)
    counted = broken + holding
    first, *others = rule_results(Checks(rules=(rule,)), rule, broken, counted, counted + missing)
    assert (first.unexpected_count, first.missing_count, first.element_count) == (broken, missing, counted + missing)
    assert first.observed == (holding / counted if counted else 1.0)
    assert first.success is (not counted or holding / counted >= mostly)
    assert [(other.check_id, other.success) for other in others] == [("given:mostly", first.success)] * (mostly < 1)


def test_a_rule_that_is_no_expectation_of_the_suite_has_no_text() -> None:
    rule = Rule("model_input_not_null:x", Between("__features.x", 1))
    (result,) = rule_results(Checks(rules=(rule,)), rule, 0, 5, 5)
    assert (result.expectation, result.expected) == ({}, "feature x: >= 1")


# Gates.


@pytest.mark.parametrize(("value", "expected"), [(5, True), (4.9, False), (None, False), (float("nan"), False)])
def test_a_gate_holds_iff_its_aggregate_is_there_and_within_bounds(value: float | None, expected: bool) -> None:
    (result,) = judged(mean(), gate_0=value)
    assert (result.kind, result.success) == ("gate", expected)
    assert (result.expected, result.expectation) == (">= 5", mean().as_json())
    assert rejecting([result]) == ([] if expected else ["mean"])


def test_a_failed_warning_gate_does_not_stop_the_slice() -> None:
    (result,) = judged(mean("warning"), gate_0=0)
    assert not result.success
    assert rejecting([result]) == []


def test_the_right_metric_belongs_to_each_check() -> None:
    second = expectation("column_values_to_be_null", "second", column="b")
    between = expectation("column_values_to_be_between", "between", column="b", min_value=1)
    rows = expectation("table_row_count_to_equal", "rows", value=3)
    metrics: dict[str, Any] = {
        "broken_0": 1,
        "broken_1": 10,
        "broken_2": 1,
        "population_0": 4,
        "gate_0": 7,
        "gate_1": 3,
    }
    results = judged(mean(), not_null(), rows, second, between, **metrics)
    observed = {result.check_id: result.observed for result in results}
    assert observed == {"given": 0.9, "second": 0.0, "between": 0.75, "mean": 7.0, "rows": 3.0}


def test_a_gate_of_columns_needs_no_metric() -> None:
    gate = expectation("table_columns_to_match_set", "columns", column_set=["a", "c"])
    (result,) = judged(gate)
    assert (result.kind, result.success, result.action) == ("gate", False, "reject")
    assert (result.found, result.expected) == ("missing c; unexpected b", "columns a, c and no others")
    assert rejecting([result]) == ["columns"]


@pytest.mark.parametrize(
    ("kwargs", "value"),
    [({"max_value": "2013-07-01"}, 5), ({"max_value": 5}, "x"), ({"min_value": "soon"}, dt.date(2013, 7, 1))],
)
def test_a_value_that_cannot_be_compared_with_the_bounds_is_told_by_its_type_alone(
    kwargs: dict[str, Any], value: Any
) -> None:
    with pytest.raises(ConfigurationError, match="check 'largest' cannot be judged") as caught:
        judged(expectation("column_max_to_be_between", "largest", column="a", **kwargs), gate_0=value)
    assert caught.value.found == f"a value of type {type(value).__name__}"


# The engine's.


@pytest.mark.parametrize(("severity", "expected"), [("critical", ["rising"]), ("warning", [])])
def test_the_engines_results_are_gates_of_the_suites_severity(severity: Severity, expected: list[str]) -> None:
    foreign = expectation("column_values_to_be_increasing", "rising", severity, column="a")
    (result,) = judged(foreign, engine=(EngineResult("rising", False, 0.5, 3, 10, 2),))
    assert (result.check_id, result.kind, result.severity) == ("rising", "gate", severity)
    assert (result.success, result.observed, result.unexpected_count) == (False, 0.5, 3)
    assert (result.element_count, result.missing_count) == (10, 2)
    assert result.expectation == foreign.as_json()
    assert rejecting([result]) == expected


# What the stage answers.


def on_stage(
    *suite: Expectation,
    counted: dict[str, tuple[int, int]] | None = None,
    policy: dict[str, Any] | None = None,
    personal: tuple[str, ...] = (),
    **look: Any,
) -> list[CheckResult]:
    checks = compile_suite(suite, Policy.model_validate(policy or {}), personal)
    return judge_stage(checks, counted or {}, look, personal)


def test_rules_and_gates_of_the_stage_are_judged_by_one_look_at_it() -> None:
    results = on_stage(
        not_null(),
        mean(),
        expectation("column_values_to_be_unique", "unique", column="a", mostly=0.5),
        expectation("column_median_to_be_between", "median", column="a", min_value=5),
        expectation("column_value_z_scores_to_be_less_than", "near", column="b", threshold=3),
        expectation("column_distinct_values_to_equal_set", "set", column="a", value_set=[1, 2]),
        counted={"unique": (8, 10), "near": (5, 10)},
        stage_rule_0=6,
        stage_rule_1=0,
        stage_gate_0=4.5,
        stage_gate_1={"outside": 0, "inside": 2},
    )
    observed = [(result.check_id, result.kind, result.success, result.observed) for result in results]
    assert observed == [
        ("unique", "rule", False, 0.25),
        ("unique:mostly", "gate", False, 0.25),
        ("near", "rule", True, 1.0),
        ("median", "gate", False, 4.5),
        ("set", "gate", True, 0.0),
    ]
    assert [(result.element_count, result.missing_count) for result in results[:1]] == [(10, 2)]
    assert rejecting(results) == ["unique:mostly", "median"]


def test_the_pass_says_nothing_of_what_the_stage_answers_nor_the_other_way_round() -> None:
    suite = (
        not_null(),
        expectation("column_values_to_be_unique", "unique", column="a"),
        expectation("column_median_to_be_between", "median", column="a", min_value=5),
    )
    in_pass = judged(*suite, broken_0=0, population_0=10)
    of_stage = on_stage(*suite, counted={"unique": (10, 10)}, stage_rule_0=0, stage_gate_0=5)
    assert [result.check_id for result in in_pass] == ["given"]
    assert [result.check_id for result in of_stage] == ["unique", "median"]


# Personal values.


def of_range(name: str) -> Expectation:
    return expectation(f"column_{name}_to_be_between", name, column="a", max_value=10)


@pytest.mark.parametrize("name", ["min", "max", "mean", "stdev", "sum"])
def test_a_personal_columns_value_is_judged_but_not_told(name: str) -> None:
    (result,) = judged(of_range(name), personal=("a",), gate_0=77.0)
    assert (result.success, result.observed, result.found) == (False, None, "")
    assert "77" not in json.dumps(result.as_json())
    (open_one,) = judged(of_range(name), personal=("b",), gate_0=77.0)
    assert open_one.observed == 77.0


def test_a_personal_time_is_not_told_either() -> None:
    latest = expectation("column_max_to_be_between", "latest", column="a", max_value="b")
    assert judged(latest, gate_0="secret")[0].found == "secret"
    (result,) = judged(latest, personal=("a",), gate_0="secret")
    assert (result.success, result.found) == (False, "")


def test_a_share_of_a_personal_column_is_told() -> None:
    share = expectation("column_proportion_of_non_null_values_to_be_between", "share", column="a", min_value=0.5)
    assert judged(share, personal=("a",), gate_0=0.75)[0].observed == 0.75
    (result,) = judged(not_null(), personal=("a",), broken_0=1)
    assert (result.observed, result.unexpected_count) == (0.9, 1)


def test_what_the_engine_observed_of_a_personal_column_is_not_told() -> None:
    engine = (EngineResult("median", False, 55.0, None),)
    median = expectation("column_median_to_be_between", "median", column="a", max_value=10)
    (result,) = judged(median, engine=engine, personal=("a",))
    assert (result.success, result.observed) == (False, None)


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({"column": "a"}, {"a"}),
        ({"column": "b", "value": 3}, set()),
        ({"column_A": "b", "column_B": "a"}, {"a"}),
        ({"column_list": ["a", "b", "c"]}, {"a", "c"}),
        ({}, set()),
    ],
)
def test_personal_columns_are_found_among_the_arguments(kwargs: dict[str, Any], expected: set[str]) -> None:
    assert personal_of(kwargs, ("a", "c")) == expected


def test_a_gate_of_the_stage_tells_no_personal_value_even_if_it_is_there() -> None:
    checks = compile_suite((of_range("median"),))
    (gate,) = checks.gates
    assert gate_result(checks, gate, 77.0, ["a"]).observed is None
    assert gate_result(checks, gate, 77.0, ["b"]).observed == 77.0


# The verdict.


def result(check_id: str, *, success: bool, action: Action = "reject", severity: Severity = "critical") -> CheckResult:
    return CheckResult(check_id, "gate", severity, success, action=action)


def test_what_failed_rejects_by_its_action_unless_a_person_accepted_it() -> None:
    verdict = Verdict(
        (
            result("a", success=False),
            result("b", success=True),
            result("c", success=False, action="warn"),
            result("d", success=False, action="quarantine"),
            result("e", success=False, severity="info"),
        )
    )
    assert [item.check_id for item in verdict.rejecting()] == ["a", "e"]
    assert [item.check_id for item in verdict.rejecting(["a"])] == ["e"]
    assert [item.check_id for item in verdict.rejecting(["b", "c"])] == ["a", "e"]
    assert verdict.rejecting(["a", "e"]) == []


def test_broken_rules_come_with_most_rows_first() -> None:
    rules = [CheckResult(str(count), "rule", "critical", not count, unexpected_count=count) for count in (1, 0, 5, 3)]
    observed = Verdict((*rules, result("a", success=False))).broken_rules()
    assert [item.check_id for item in observed] == ["5", "3", "1"]


def test_a_rule_that_mostly_holds_is_still_told_among_the_broken() -> None:
    results = judged(not_null(mostly=0.5), broken_0=1)
    assert [item.check_id for item in Verdict(tuple(results)).broken_rules()] == ["given"]


@pytest.mark.parametrize(
    ("given_result", "expected"),
    [
        (CheckResult("r", "rule", "critical", False, 0.75, 3), "0.75 (3 rows)"),
        (CheckResult("g", "gate", "critical", False, 0.75, 3), "0.75"),
        (CheckResult("g", "gate", "critical", False, 1_234_567.0), "1234567"),
        (CheckResult("g", "gate", "critical", False, 2.0, found="2 of it missing"), "2 of it missing"),
        (CheckResult("g", "gate", "critical", False), "none"),
    ],
)
def test_what_was_found_is_told_in_words(given_result: CheckResult, expected: str) -> None:
    assert described(given_result) == expected


def test_a_verdict_survives_its_way_through_json() -> None:
    results = (
        *judged(not_null(mostly=0.5), mean(), broken_0=1, gate_0=7),
        *on_stage(of_range("median"), stage_gate_0=3),
    )
    plain = json.loads(json.dumps(Verdict(results).as_json()))
    assert tuple(CheckResult(**item) for item in plain) == results
