"""What a worker was at, where it died without a word."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark import SparkFiles

from pipelines.models.traces import Trace, left_behind


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of shipped files, in place of a worker's."""
    monkeypatch.setattr(SparkFiles, "getRootDirectory", lambda: str(tmp_path))
    return tmp_path


def test_the_batch_at_which_a_task_ended_is_told() -> None:
    trace = Trace("job")
    trace.at(10_000)
    trace.at(500)
    assert left_behind("job") == ["partition 0, rows 10001 to 10500 of it"]
    assert left_behind("another") == []
    trace.done()


def test_a_task_that_is_done_leaves_nothing(root: Path) -> None:
    trace = Trace("job")
    trace.at(10)
    trace.done()
    assert left_behind("job") == []
    assert list(root.iterdir()) == []


def test_a_task_that_ended_before_its_first_batch_is_not_told_of(root: Path) -> None:
    Trace("job")
    (root / "job-1.at").write_text("")
    assert left_behind("job") == []
