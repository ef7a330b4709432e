"""What policies, limits and history gates may say."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipelines.config import HistoryGate, Limits, Policy
from pipelines.config.policy import RuleLimit
from unit.samples import pipeline


def test_without_a_word_bad_rows_are_quarantined_and_bad_batches_rejected() -> None:
    assert Policy().model_dump() == {
        "rows": {"critical": "quarantine", "warning": "warn", "info": "warn"},
        "batch": {"critical": "reject", "warning": "warn", "info": "warn"},
        "checks": {},
    }
    assert pipeline().policy == Policy()


@pytest.mark.parametrize("action", ["reject", "quarantine", "warn"])
def test_rows_and_single_checks_may_lead_to_anything(action: str) -> None:
    observed = Policy.model_validate({"rows": {"info": action}, "checks": {"x": action}})
    assert (observed.rows.info, observed.rows.critical, observed.checks) == (action, "quarantine", {"x": action})


@pytest.mark.parametrize("severity", ["critical", "warning", "info"])
def test_a_batch_cannot_be_quarantined(severity: str) -> None:
    assert getattr(Policy.model_validate({"batch": {severity: "warn"}}).batch, severity) == "warn"
    with pytest.raises(ValidationError, match="'reject' or 'warn'"):
        Policy.model_validate({"batch": {severity: "quarantine"}})


@pytest.mark.parametrize("limit", [{"share": -0.1}, {"share": 1.1}, {"rows": -1}, {"rows": 1.5}, {"most": 1}])
def test_a_limit_is_a_share_or_a_number_of_rows(limit: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Limits.model_validate({"rules": {"x": limit}})
    observed = Limits.model_validate({"rules": {"x": {"share": 0.0}, "y": {"rows": 0}}})
    assert observed.rules == {"x": RuleLimit(share=0.0), "y": RuleLimit(rows=0)}


def test_a_history_gate_looks_at_a_week_of_slices_unless_it_says_otherwise() -> None:
    gate = HistoryGate(of="rows", within=0.5)
    assert (gate.slices, gate.at_least, gate.same_weekday, gate.action) == (7, 3, False, "reject")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"of": "null_share"}, "'column' goes with 'null_share', and only with it"),
        ({"column": "age"}, "'column' goes with 'null_share', and only with it"),
        ({"slices": 2}, "'at_least' is more than the 2 'slices' that are looked at"),
        ({"slices": 4, "at_least": 5}, "'at_least' is more than the 4 'slices' that are looked at"),
        ({"slices": 0, "at_least": 1}, "greater than or equal to 1"),
        ({"at_least": 0}, "greater than or equal to 1"),
        ({"within": 0}, "greater than 0"),
        ({"within": -0.1}, "greater than 0"),
        ({"within": None}, "within"),
        ({"of": "mean"}, "'rows' or 'null_share'"),
        ({"action": "quarantine"}, "'reject' or 'warn'"),
        ({"weekday": True}, "weekday"),
    ],
)
def test_a_history_gate_that_makes_no_sense_is_refused(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        HistoryGate.model_validate({"of": "rows", "within": 0.5, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"of": "null_share", "column": "age"},
        {"slices": 3},
        {"slices": 1, "at_least": 1},
        {"within": 7.5},
        {"action": "warn"},
        {"same_weekday": True},
    ],
    ids=str,
)
def test_a_history_gate_that_makes_sense_is_taken(changes: dict[str, Any]) -> None:
    gate = {"of": "rows", "within": 0.5, **changes}
    observed = pipeline(history={"usual": gate}).history["usual"]
    assert observed.model_dump(exclude_unset=True) == gate
