from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from deltalake import write_deltalake

from dags.scoring.outcomes import as_extra, failure, left_in, newest_run
from dags.scoring.spark_jobs import publish_event, summary

RESULT: dict[str, Any] = {
    "outcome": "published",
    "run_id": "r1",
    "score_date": "2013-07-01",
    "model": {"name": "m", "version": 3, "alias": "champion", "digest": "d"},
    "counts": {"input": 10, "scored": 9, "quarantined": 1},
    "verdict": [{"check_id": "a", "success": True}, {"check_id": "b", "success": False}],
    "tables": {"predictions": "/wh/p", "quarantine": "/wh/q"},
    "predictions_version": 7,
}


def test_a_job_that_left_nothing_is_told_by_its_code_and_its_last_words(tmp_path: Path) -> None:
    error = failure(left_in(tmp_path / "result.json"), 137, "Killed")
    assert type(error) is AirflowException
    assert str(error) == "the job ended with exit code 137 and left no result\nKilled"


@pytest.mark.parametrize(
    ("code", "kind"), [(1, AirflowException), (2, AirflowFailException), (3, AirflowFailException)]
)
def test_only_what_may_end_differently_is_tried_again(tmp_path: Path, code: int, kind: type[Exception]) -> None:
    file = tmp_path / "result.json"
    file.write_text(json.dumps({"outcome": "failed", "exit_code": code, "error": "why\n  to do: this"}))
    error = failure(left_in(file), code, "noise")
    assert type(error) is kind
    assert str(error) == "why\n  to do: this"


def test_the_event_tells_what_was_published() -> None:
    extra = as_extra(RESULT)
    assert extra == {
        "score_date": "2013-07-01",
        "run_id": "r1",
        "outcome": "published",
        "table": "/wh/p",
        "table_version": 7,
        "model": "m version 3",
        "rows": {"input": 10, "scored": 9, "quarantined": 1},
        "verdict": "1 of 2 checks passed",
        "not_passed": ["b"],
    }
    assert summary(extra).startswith("2013-07-01 published by run r1, m version 3: 10 rows, 9 scored, 1 quarantined")


def test_an_attempt_that_a_newer_one_overtook_makes_no_event() -> None:
    with pytest.raises(AirflowSkipException, match="a newer attempt at the slice 2013-07-01 won: run r1"):
        publish_event({}, [Asset("a")], {**as_extra(RESULT), "outcome": "superseded"})


def test_the_ledgers_last_word_since_a_moment(tmp_path: Path) -> None:
    noon = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
    day = dt.date(2013, 7, 1)
    rows = [
        ("a", "p", day, "published", noon - dt.timedelta(hours=1)),
        ("b", "p", day, "started", noon + dt.timedelta(minutes=1)),
        ("b", "p", day, "rejected", noon + dt.timedelta(minutes=2)),
        ("c", "p", dt.date(2013, 7, 2), "published", noon + dt.timedelta(minutes=3)),
        ("d", "other", day, "published", noon + dt.timedelta(minutes=3)),
    ]
    names = ("run_id", "pipeline", "score_date", "state", "at")
    write_deltalake(str(tmp_path), pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows]))
    newest = newest_run(str(tmp_path), "p", day, noon)
    assert newest is not None
    assert (newest["run_id"], newest["state"]) == ("b", "rejected")
    assert newest_run(str(tmp_path), "p", day, noon + dt.timedelta(hours=1)) is None
