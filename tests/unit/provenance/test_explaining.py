"""Why a row has its prediction, where tables and ledger alone tell it."""

from __future__ import annotations

import pytest

from pipelines.provenance import explaining
from unit.slices_without_scoring import Planned, no_session


def test_why_answers_though_the_table_does_not_have_an_output_yet(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned.publish(planned.manifest())
    monkeypatch.setattr(explaining, "key_of", lambda words, key, location, timezone: {"model_name": words[0]})
    answer = explaining.why(no_session, planned.project, "churn", ["churn"], quick=True)
    assert (answer.status, answer.outputs) == ("scored", {})
    assert answer.notes[0] == (
        "output 'prediction': the table of predictions lacks it; lakescore tables evolve churn adds it"
    )
