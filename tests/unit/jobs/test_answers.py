"""What `lakescore why` says first, for each of its answers, and how contributions are drawn."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from jobs.cli.rendering.why import WIDEST_BAR, show_answer
from pipelines.models.explanations.contributions import Contributions
from pipelines.provenance.explaining import Answer
from pipelines.tables.quarantine import Reason

DAY = dt.date(2024, 3, 1)


def told(capsys: pytest.CaptureFixture[str], **parts: Any) -> list[str]:
    show_answer(Answer("orders", {"day": DAY, "id": 12}, **parts))
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("parts", "headline"),
    [
        ({"status": "scored", "slice_state": "current"}, "scored"),
        (
            {"status": "scored", "slice_state": "stale"},
            "scored; stale: input, model or configuration changed since",
        ),
        ({"status": "quarantined"}, "quarantined: not scored, as a rule refused it"),
        ({"status": "waiting"}, "in the input, but no published run has judged it"),
        ({"status": "absent"}, "never in the input, and in none of the tables"),
    ],
    ids=["scored", "stale", "quarantined", "waiting", "absent"],
)
def test_the_answer_comes_first(capsys: pytest.CaptureFixture[str], parts: dict[str, Any], headline: str) -> None:
    assert told(capsys, **parts)[0] == f"orders day=2024-03-01, id=12: {headline}"


def test_why_a_slice_is_stale_and_a_row_refused_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    reasons = (Reason("amount_is_plausible", "amount", "amount is -5.0"),)
    stale = {"score_date": DAY, "slice_state": "stale", "slice_reasons": ("input orders changed",)}
    lines = told(capsys, status="quarantined", reasons=reasons, **stale)
    assert "  reason      amount_is_plausible: amount is -5.0" in lines
    assert "  slice       2024-03-01, stale" in lines
    assert "              input orders changed" in lines


def test_bars_are_as_long_as_what_an_input_added(capsys: pytest.CaptureFixture[str]) -> None:
    added = Contributions("log-odds", -1.0, {"amount": 2.0, "quantity": -1.0, "is_web": 0.0})
    lines = told(capsys, status="scored", features={"amount": 121.0, "quantity": 1, "is_web": 0}, contributions=added)
    assert "  log-odds +0.0000 = -1.0000 at the base, and" in lines
    bars = {line.split()[0]: line.count("█") for line in lines if "█" in line}
    assert bars == {"amount": WIDEST_BAR, "quantity": WIDEST_BAR // 2}
