"""How long runs are likely to take, by earlier ones."""

from __future__ import annotations

import json

import pytest

from pipelines.backfills.pace import pace_of
from pipelines.tables.ledger import Entry
from unit.samples import DAY_1


def run(rows: int | None, seconds: float) -> Entry:
    timings = json.dumps({"score": seconds - 1, "publish": 1.0})
    return Entry("run", "churn", DAY_1, "churn", "published", rows_input=rows, timings=timings)


def test_without_runs_there_is_no_pace() -> None:
    assert pace_of([]) is None
    assert pace_of([run(None, 3.0), Entry("run", "churn", DAY_1, "churn", "published", rows_input=3)]) is None


def test_runs_without_a_row_tell_nothing() -> None:
    assert pace_of([run(0, 1.0)] * 9) is None
    pace = pace_of([*[run(0, 1.0)] * 9, run(100, 4.0)])
    assert pace is not None
    assert (pace.usual_rows, pace.runs, pace.seconds(100)) == (100, 1, 4.0)


def test_runs_of_one_size_give_their_middle() -> None:
    pace = pace_of([run(100, seconds) for seconds in (3.0, 4.0, 50.0)])
    assert pace is not None
    assert (pace.usual_rows, pace.runs) == (100, 3)
    assert pace.seconds(100) == pace.seconds(1_000_000) == 4.0


def test_runs_of_many_sizes_give_a_line() -> None:
    pace = pace_of([run(rows, 2.0 + rows / 1000) for rows in (1000, 2000, 3000, 4000, 9000)])
    assert pace is not None
    assert pace.fixed_seconds == pytest.approx(2.0)
    assert pace.seconds(20_000) == pytest.approx(22.0)


def test_a_line_that_would_promise_less_than_nothing_is_not_drawn() -> None:
    pace = pace_of([run(rows, 10.0 - rows / 1000) for rows in (1000, 2000, 3000, 4000, 9000)])
    assert pace is not None
    assert pace.seconds_per_row == 0.0


def test_only_the_newest_runs_count() -> None:
    pace = pace_of([run(100, 60.0)] * 60 + [run(100, 3.0)] * 50)
    assert pace is not None
    assert pace.seconds(100) == 3.0
