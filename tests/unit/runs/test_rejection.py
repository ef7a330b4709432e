"""Why a slice is rejected: the cause comes before the limits that it broke."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.runs.rejection import MODEL, describe
from pipelines.validation.verdict import CheckResult, Counts, Verdict

SHARE = CheckResult("limit:quarantined_share", "gate", "critical", False, 0.9, None, "at most 0.1", action="reject")
NONE_SCORED = CheckResult("audit:some_rows_scored", "gate", "critical", False, 0, None, "a row", action="reject")
OF_ONE = CheckResult("limit:b:rows", "gate", "critical", False, 11, None, "at most 10", action="reject")
TOO_FEW = CheckResult("enough_rows", "gate", "critical", False, 40, None, ">= 100", action="reject")


def rule(name: str, rows: int, **more: Any) -> CheckResult:
    return CheckResult(name, "rule", "critical", False, 0.5, rows, "given", **{"action": "quarantine", **more})


def raised(rows: int, *, success: bool = False) -> CheckResult:
    found = "the model raised ValueError: no such shade"
    return CheckResult(MODEL, "gate", "critical", success, rows, rows, "at most 0", action="reject", found=found)


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (
            [rule("a_given", 3), rule("b_given", 30), rule("c", 40, action="warn"), SHARE],
            "b_given: refused 30 of 40 rows, 75.0%; a_given: refused 3 of 40 rows, 7.5%; limit:quarantined_share: 0.9",
        ),
        (
            [SHARE, NONE_SCORED, raised(40)],
            f"{MODEL}: the model raised ValueError: no such shade (40 of 40 rows, 100.0%); "
            "limit:quarantined_share: 0.9; audit:some_rows_scored: 0",
        ),
        (
            [SHARE, raised(36, success=True)],
            f"{MODEL}: the model raised ValueError: no such shade (36 of 40 rows, 90.0%); limit:quarantined_share: 0.9",
        ),
        (
            [rule("a_given", 30), rule("b", 11, action="warn"), OF_ONE, raised(0, success=True)],
            "b: broken by 11 of 40 rows, 27.5%; limit:b:rows: 11",
        ),
        ([rule("a_given", 3), TOO_FEW, raised(0, success=True)], "enough_rows: 40"),
    ],
)
def test_the_cause_comes_before_the_limits_that_it_broke(results: list[CheckResult], expected: str) -> None:
    verdict = Verdict(tuple(results))
    assert describe(verdict.rejecting(), verdict, Counts(40, 0, 40)) == expected
