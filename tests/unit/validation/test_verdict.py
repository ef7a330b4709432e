"""What was observed, judged: which results a suite comes to, and which of them stop the slice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines.expressions.rules import Severity
from pipelines.validation.compiling import compile_suite
from pipelines.validation.engine import EngineResult
from pipelines.validation.suite import Expectation
from pipelines.validation.verdict import CheckResult, Verdict, judge_suite


def rule(severity: Severity = "critical", **kwargs: Any) -> Expectation:
    return Expectation("given", "expect_column_values_to_not_be_null", {"column": "a", **kwargs}, severity)


def judged(*suite: Expectation, engine: tuple[EngineResult, ...] = (), **metrics: Any) -> list[CheckResult]:
    return judge_suite(compile_suite(suite), metrics, engine, ["a", "b"])


def test_a_rule_without_a_broken_row_succeeds() -> None:
    (result,) = judged(rule(), broken_0=0, judged_0=10)
    assert (result.kind, result.success, result.observed, result.unexpected_count) == ("rule", True, 1.0, 0)
    assert result.expected == "a: a value"
    assert result.expectation == rule().as_json()


def test_a_broken_critical_rule_quarantines_rows_but_does_not_stop_the_slice() -> None:
    results = judged(rule(), broken_0=4, judged_0=10)
    assert [(result.success, result.observed, result.unexpected_count) for result in results] == [(False, 0.6, 4)]
    assert Verdict(tuple(results)).failed_gates() == []


@pytest.mark.parametrize(("broken", "expected"), [(0, True), (1, True), (2, False), (10, False)])
def test_mostly_is_a_gate_on_the_share_that_holds(broken: int, expected: bool) -> None:
    results = judged(rule(mostly=0.9), broken_0=broken, judged_0=10)
    assert [(result.check_id, result.kind) for result in results] == [("given", "rule"), ("given:mostly", "gate")]
    assert [result.success for result in results] == [expected, expected]
    failed = Verdict(tuple(results)).failed_gates()
    assert [result.check_id for result in failed] == ([] if expected else ["given:mostly"])


def test_a_warning_rule_does_not_stop_the_slice() -> None:
    results = judged(rule("warning", mostly=0.9), broken_0=10, judged_0=10)
    assert [result.success for result in results] == [False, False]
    assert Verdict(tuple(results)).failed_gates() == []


def test_a_rule_that_judged_no_row_holds() -> None:
    results = judged(rule(mostly=0.9), broken_0=0, judged_0=0)
    assert [result.success for result in results] == [True, True]


def mean(severity: Severity = "critical") -> Expectation:
    return Expectation("mean", "expect_column_mean_to_be_between", {"column": "a", "min_value": 5}, severity)


@pytest.mark.parametrize(("value", "expected"), [(5, True), (4.9, False), (None, False), (float("nan"), False)])
def test_a_gate_holds_iff_its_aggregate_is_there_and_within_bounds(value: float | None, expected: bool) -> None:
    (result,) = judged(mean(), gate_0=value)
    assert (result.kind, result.success) == ("gate", expected)
    assert result.expected == ">= 5"


def test_a_failed_warning_gate_does_not_stop_the_slice() -> None:
    (result,) = judged(mean("warning"), gate_0=0)
    assert not result.success
    assert Verdict((result,)).failed_gates() == []


def test_the_right_metric_belongs_to_each_check() -> None:
    second = Expectation("second", "expect_column_values_to_be_null", {"column": "b"}, "critical")
    rows = Expectation("rows", "expect_table_row_count_to_equal", {"value": 3}, "critical")
    metrics = {"broken_0": 1, "judged_0": 4, "broken_1": 2, "judged_1": 2, "gate_0": 7, "gate_1": 3}
    observed = {result.check_id: result.observed for result in judged(mean(), rule(), rows, second, **metrics)}
    assert observed == {"given": 0.75, "second": 0.0, "mean": 7.0, "rows": 3.0}


def test_a_gate_of_columns_needs_no_metric() -> None:
    gate = Expectation("columns", "expect_table_columns_to_match_set", {"column_set": ["a", "c"]}, "critical")
    (result,) = judged(gate)
    assert (result.success, result.unexpected_count) == (False, 2)
    assert result.expected == "missing c; unexpected b"


def test_the_engines_results_are_gates_of_the_suites_severity() -> None:
    foreign = Expectation("unique", "expect_column_values_to_be_unique", {"column": "a"}, "warning")
    (result,) = judged(foreign, engine=(EngineResult("unique", False, 0.5, 3),))
    assert (result.check_id, result.kind, result.severity) == ("unique", "gate", "warning")
    assert (result.success, result.observed, result.unexpected_count) == (False, 0.5, 3)
    assert result.expectation == foreign.as_json()


def gate(check_id: str, *, success: bool, severity: Severity = "critical") -> CheckResult:
    return CheckResult(check_id, "gate", severity, success)


def test_failed_gates_are_critical_ones_that_nobody_accepted() -> None:
    rows = CheckResult("rule", "rule", "critical", False)
    verdict = Verdict(
        (gate("a", success=False), gate("b", success=True), gate("c", success=False, severity="info"), rows)
    )
    assert [result.check_id for result in verdict.failed_gates()] == ["a"]
    assert verdict.failed_gates(["a"]) == []
    assert [result.check_id for result in verdict.failed_gates(["b", "c"])] == ["a"]


def test_broken_rules_come_with_most_rows_first() -> None:
    rules = [CheckResult(str(count), "rule", "critical", not count, unexpected_count=count) for count in (1, 0, 5, 3)]
    observed = Verdict((*rules, gate("a", success=False))).broken_rules()
    assert [result.check_id for result in observed] == ["5", "3", "1"]


def test_a_verdict_survives_its_way_through_json() -> None:
    results = tuple(judged(rule(mostly=0.5), broken_0=1, judged_0=4))
    plain = json.loads(json.dumps(Verdict(results).as_json()))
    assert tuple(CheckResult(**item) for item in plain) == results


def test_a_personal_columns_value_is_judged_but_not_told() -> None:
    largest = Expectation("largest", "expect_column_max_to_be_between", {"column": "a", "max_value": 10}, "critical")
    median = Expectation("median", "expect_column_median_to_be_between", {"column": "a", "max_value": 10}, "critical")
    given = Expectation(
        "given",
        "expect_column_proportion_of_non_null_values_to_be_between",
        {"column": "a", "min_value": 0.5},
        "critical",
    )
    results = judge_suite(
        compile_suite((largest, median, given)),
        {"gate_0": 77.0, "gate_1": 0.75},
        [EngineResult("median", False, 55.0, None)],
        ["a"],
        personal=("a",),
    )
    assert {result.check_id: (result.success, result.observed) for result in results} == {
        "largest": (False, None),
        "given": (True, 0.75),
        "median": (False, None),
    }
