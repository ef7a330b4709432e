"""What a worker was at, where it died silently."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark import SparkFiles

from pipelines.models.workers.batch_trace import DeadlyBatchError, Trace, left_behind


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


def died_at(*batches: int) -> Trace:
    """A task whose worker dies at the last of these batches."""
    trace = Trace("job")
    for rows in batches:
        trace.at(rows)
    return trace


def test_a_batch_that_killed_two_workers_is_refused_to_the_third() -> None:
    first = died_at(10, 10)
    second = died_at(10, 10)
    third = Trace("job")
    third.at(10)
    with pytest.raises(DeadlyBatchError, match="partition 0, rows 11 to 20 of it"):
        third.at(10)
    for trace in (first, second, third):
        trace.done()


def test_workers_that_died_at_different_batches_may_have_had_other_reasons() -> None:
    traces = [died_at(10), died_at(10, 10), died_at(10), died_at(10, 10, 10)]
    assert left_behind("job") == ["partition 0, rows 21 to 30 of it"]
    for trace in traces:
        trace.done()
