from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk.definitions.context import Context
from support.faults.receivers import Request, web_receiver

from dags.scoring.notices import LONGEST_NOTE, write_note

LOGIN = Request("/auth/token", "", {"username": "ann", "password": "secret"})


def noted(
    monkeypatch: pytest.MonkeyPatch, text: str, answer: object = None, map_index: int = -1, **api: Any
) -> list[Request]:
    """What an Airflow API was sent when a task wrote a note."""
    task = SimpleNamespace(dag_id="orders", run_id="manual__1+2", task_id="score", map_index=map_index)
    with web_receiver(answer or {"access_token": "t"}, **api) as (port, sent):
        monkeypatch.setenv("AIRFLOW_CONN_LAKESCORE_AIRFLOW", f"http://ann:secret@127.0.0.1:{port}")
        write_note(cast("Context", {"ti": task}), text)
    return sent


@pytest.mark.parametrize(("map_index", "end"), [(-1, "score"), (3, "score/3")])
def test_a_note_goes_to_its_task(monkeypatch: pytest.MonkeyPatch, map_index: int, end: str) -> None:
    place = f"/api/v2/dags/orders/dagRuns/manual__1%2B2/taskInstances/{end}"
    sent = noted(monkeypatch, "rejected", map_index=map_index)
    assert sent == [LOGIN, Request(place, "t", {"note": "rejected"})]


def test_a_note_is_cut_to_what_airflow_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert noted(monkeypatch, "x" * (LONGEST_NOTE + 1))[-1].body == {"note": "x" * (LONGEST_NOTE - 1) + "…"}


def test_a_busy_airflow_is_asked_again_at_once_whatever_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    login, note = noted(monkeypatch, "rejected", busy=(0, 2))
    assert (login, note.body) == (LOGIN, {"note": "rejected"})


def test_an_airflow_that_stays_busy_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dags.scoring.notices.TRIES_MORE", 1)
    with caplog.at_level(logging.WARNING):
        assert noted(monkeypatch, "rejected", busy=(0, 1)) == []
    assert "The task's note could not be written: 503" in caplog.text


def test_an_answer_that_is_not_airflows_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert noted(monkeypatch, "rejected", answer=["welcome"]) == [LOGIN]
    assert "The task's note could not be written" in caplog.text
