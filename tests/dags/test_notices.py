from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk.definitions.context import Context
from faults.receivers import web_receiver

from dags.scoring.notices import LONGEST_NOTE, write_note

TASK = cast("Context", {"ti": SimpleNamespace(dag_id="orders", run_id="manual__1", task_id="score", map_index=-1)})


def noted(monkeypatch: pytest.MonkeyPatch, text: str, **api: Any) -> list[dict[str, Any]]:
    """What an Airflow API was sent when the task wrote a note."""
    with web_receiver({"access_token": "t"}, **api) as (port, sent):
        monkeypatch.setenv("AIRFLOW_CONN_LAKESCORE_AIRFLOW", f"http://ann:secret@127.0.0.1:{port}")
        write_note(TASK, text)
    return sent


def test_a_note_is_cut_to_what_airflow_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    login, note = noted(monkeypatch, "x" * (LONGEST_NOTE + 1))
    assert login == {"username": "ann", "password": "secret"}
    assert note == {"note": "x" * (LONGEST_NOTE - 1) + "…"}


def test_a_busy_airflow_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert noted(monkeypatch, "rejected", busy=2)[-1] == {"note": "rejected"}


def test_an_airflow_that_does_not_answer_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dags.scoring.notices.TRIES_MORE", 0)
    with caplog.at_level(logging.WARNING):
        assert noted(monkeypatch, "rejected", busy=1) == []
    assert "The task's note could not be written: 503" in caplog.text
