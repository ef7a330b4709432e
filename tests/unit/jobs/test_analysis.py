"""What the verbs of auditors and analysts say beside their answers."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.verbs import analysis
from pipelines.runs import explaining
from pipelines.runs.explaining import Answer


def test_that_the_input_is_read_again_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explained(session: Any, *of: Any, **options: Any) -> Answer:
        assert session() is session()
        return Answer("orders", {"id": 12}, "absent")

    monkeypatch.setattr(explaining, "why", explained)
    monkeypatch.setattr(analysis, "project_of", lambda name: None)
    monkeypatch.setattr(analysis, "session_of", lambda project: object())
    analysis.why("orders", ["12"])
    assert capsys.readouterr().err.splitlines() == ["orders: reading the row's input again"]
