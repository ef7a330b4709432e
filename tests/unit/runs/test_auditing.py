"""The audit's gates: each fails when it should, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.config import Limits, Output
from pipelines.expressions.rules import Severity
from pipelines.runs.auditing import NEVER_ACCEPTED, audit, judge_limits
from pipelines.validation.verdict import CheckResult, Counts

OUTPUTS = {
    "probability": Output(type="double", minimum=0, maximum=1),
    "note": Output(type="string", nullable=True),
}
GOOD = {
    "rows": 100,
    "scored": 95,
    "alone": 100,
    "keys": 100,
    "nulls_probability": 0,
    "min_probability": 0.1,
    "max_probability": 0.9,
    "nulls_note": 3,
}
GATES = [
    "audit:rows_reconciled",
    "audit:some_rows_scored",
    "audit:keys_unique",
    "limit:quarantined_share",
    "audit:probability:not_null",
    "audit:probability:in_range",
]


def failed(
    rows_input: int = 100, limits: Limits | None = None, *, accepts_empty: bool = False, **changes: Any
) -> dict[str, float | None]:
    """The gates that fail, and what each observed."""
    asked = {**GOOD, **changes}
    _, results = audit(asked, rows_input, OUTPUTS, limits or Limits(), [], accepts_empty=accepts_empty)
    assert {(result.kind, result.severity, result.action) for result in results} == {("gate", "critical", "reject")}
    return {result.check_id: result.observed for result in results if not result.success}


def test_a_good_stage_passes_every_gate() -> None:
    counts, results = audit(GOOD, 100, OUTPUTS, Limits(), [])
    assert counts == Counts(100, 95, 5)
    assert [result.check_id for result in results] == GATES
    assert failed() == {}


@pytest.mark.parametrize("rows_input", [99, 101])
def test_rows_lost_or_multiplied_on_the_way_fail(rows_input: int) -> None:
    assert failed(rows_input) == {"audit:rows_reconciled": 100}


@pytest.mark.parametrize("accepts_empty", [False, True])
def test_a_slice_of_refused_rows_only_fails(accepts_empty: bool) -> None:
    observed = failed(scored=0, limits=Limits(quarantined_share=1), accepts_empty=accepts_empty)
    assert observed == {"audit:some_rows_scored": 0}


def test_an_empty_slice_fails_unless_it_is_accepted() -> None:
    nothing: dict[str, Any] = {
        "rows": 0,
        "scored": 0,
        "alone": 0,
        "keys": 0,
        "nulls_note": 0,
        "min_probability": None,
        "max_probability": None,
    }
    assert failed(0, **nothing) == {"audit:some_rows_scored": 0}
    assert failed(0, accepts_empty=True, **nothing) == {}
    assert failed(3, accepts_empty=True, **nothing) == {"audit:rows_reconciled": 0, "audit:some_rows_scored": 0}


def test_a_key_that_stands_twice_fails() -> None:
    assert failed(keys=98) == {"audit:keys_unique": 2}


def test_copies_that_a_rule_refuses_do_not_count_among_the_keys() -> None:
    assert failed(alone=96, keys=96) == {}
    assert failed(alone=96, keys=95) == {"audit:keys_unique": 1}


@pytest.mark.parametrize(("scored", "passes"), [(90, True), (89, False)])
def test_more_than_the_share_quarantined_fails(scored: int, passes: bool) -> None:
    assert failed(scored=scored) == ({} if passes else {"limit:quarantined_share": 0.11})


@pytest.mark.parametrize(("limit", "passes"), [(5, True), (4, False), (0, False)])
def test_more_than_the_rows_quarantined_fail(limit: int, passes: bool) -> None:
    observed = failed(limits=Limits(quarantined_rows=limit))
    assert observed == ({} if passes else {"limit:quarantined_rows": 5})


def test_a_null_prediction_fails_unless_it_may_be_null() -> None:
    assert failed(nulls_probability=2, nulls_note=95) == {"audit:probability:not_null": 2}


@pytest.mark.parametrize(
    ("least", "greatest", "expected"),
    [(0, 1, {}), (-0.1, 0.5, -0.1), (0.5, 1.1, 1.1), (-1, 2, -1), (None, None, {})],
)
def test_a_prediction_out_of_its_range_fails(least: float | None, greatest: float | None, expected: Any) -> None:
    observed = failed(min_probability=least, max_probability=greatest)
    assert observed == (expected if expected == {} else {"audit:probability:in_range": expected})


def rule(check_id: str, broken: int | None, severity: Severity = "critical") -> CheckResult:
    return CheckResult(check_id, "rule", severity, not broken, unexpected_count=broken)


def limits_of(results: list[CheckResult], rows: int = 100, quarantined: int = 5, **limits: Any) -> dict[str, bool]:
    """Which limits hold."""
    counts = Counts(rows, rows - quarantined, quarantined)
    return {item.check_id: item.success for item in judge_limits(counts, Limits.model_validate(limits), results)}


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ({"share": 0.03}, {"limit:a:share": True}),
        ({"share": 0.029}, {"limit:a:share": False}),
        ({"rows": 3}, {"limit:a:rows": True}),
        ({"rows": 2}, {"limit:a:rows": False}),
        ({"share": 0.5, "rows": 2}, {"limit:a:share": True, "limit:a:rows": False}),
        ({}, {}),
    ],
    ids=str,
)
def test_a_rule_has_a_limit_of_its_own(limit: dict[str, Any], expected: dict[str, bool]) -> None:
    observed = limits_of([rule("a", 3), rule("b", 90)], rules={"a": limit})
    assert observed == {"limit:quarantined_share": True, **expected}


def test_a_rules_limit_is_of_all_rows_of_the_input_and_of_those_that_break_it() -> None:
    assert limits_of([rule("a", 10)], rows=200, rules={"a": {"share": 0.05}})["limit:a:share"]
    assert limits_of([rule("a", 10, "info")], rules={"a": {"rows": 9}}) == {
        "limit:quarantined_share": True,
        "limit:a:rows": False,
    }


@pytest.mark.parametrize("results", [[], [rule("a", None)], [rule("a", 0)], [rule("b", 99)]], ids=len)
def test_a_rule_that_nothing_breaks_is_within_any_limit(results: list[CheckResult]) -> None:
    observed = limits_of(results, rules={"a": {"share": 0, "rows": 0}})
    assert observed == {"limit:quarantined_share": True, "limit:a:share": True, "limit:a:rows": True}


def test_the_gate_of_a_rules_share_has_no_limit() -> None:
    mostly = CheckResult("a", "gate", "critical", False, unexpected_count=50)
    assert limits_of([rule("a", 1), mostly], rules={"a": {"rows": 1}})["limit:a:rows"]


def test_an_empty_input_is_within_every_share() -> None:
    observed = limits_of([rule("a", 0)], rows=0, quarantined=0, quarantined_share=0, rules={"a": {"share": 0}})
    assert observed == {"limit:quarantined_share": True, "limit:a:share": True}


def test_limits_of_rules_are_among_the_audits_gates() -> None:
    limits = Limits.model_validate({"rules": {"a": {"rows": 1}}})
    _, results = audit(GOOD, 100, OUTPUTS, limits, [rule("a", 2)])
    (result,) = [item for item in results if not item.success]
    assert (result.check_id, result.observed, result.expected) == ("limit:a:rows", 2, "at most 1 rows that break it")
    assert result.rejects


def test_what_loses_rows_or_has_none_is_never_accepted() -> None:
    assert set(failed(0, rows=100, scored=0, limits=Limits(quarantined_share=1))) == NEVER_ACCEPTED
