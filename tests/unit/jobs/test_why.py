"""What the verbs of auditors and analysts say beside their answers."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.cli.verbs import why_replay_views
from pipelines.provenance import explaining
from pipelines.provenance.explaining import Answer


def test_that_the_input_is_read_again_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explained(session: Any, *of: Any, **options: Any) -> Answer:
        assert session() is session()
        return Answer("orders", {"id": 12}, "absent")

    monkeypatch.setattr(explaining, "why", explained)
    monkeypatch.setattr(why_replay_views, "project_of", lambda name: None)
    monkeypatch.setattr(why_replay_views, "session_of", lambda project: object())
    why_replay_views.why("orders", ["12"])
    assert capsys.readouterr().err.splitlines() == ["orders: reading the row's input again"]
