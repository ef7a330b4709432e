"""Many slices in one session: each right or absent by itself, whatever becomes of the others."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from support.faults.at_steps import BrokenOffError, broken_off
from support.small_project import DAY, DAYS, REFUSED, ROWS, SmallProject, copy_of, orders_of, without_run

from pipelines.backfills.backfilling import Backfilled, Summary, backfill, due, plan_backfill
from pipelines.backfills.planning import Plan, PlannedSlice, plan
from pipelines.backfills.stop_signal import Stop
from pipelines.runs.progress import Step
from pipelines.upkeep.maintaining import maintain

SECOND = DAYS[1]


@dataclass
class Told:
    """What a backfill tells of itself, and what is done when it does."""

    act: Any = None
    steps: list[tuple[dt.date, Step]] = field(default_factory=list)
    ends: list[tuple[dt.date, int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def at(self, day: dt.date, step: Step) -> None:
        with self.lock:
            self.steps.append((day, step))
        if self.act is not None:
            self.act(day, step)

    def ended(self, slice_: Backfilled, left: Sequence[PlannedSlice]) -> None:
        self.ends.append((slice_.score_date, len(left)))


def planned(small: SmallProject, spark: SparkSession, **options: Any) -> Plan:
    return plan(lambda: spark, small.project, "orders", DAYS[0], DAYS[-1], **options)


def run(small: SmallProject, spark: SparkSession, told: Told | None = None, **options: Any) -> Summary:
    what = {"watcher": told or Told(), "stop": Stop(), **options}
    return backfill(spark, small.project, planned(small, spark), **what)


def outcomes(summary: Summary) -> dict[dt.date, str]:
    return {slice_.score_date: slice_.outcome for slice_ in summary.done}


def given_up_at(small: SmallProject, spark: SparkSession, fatal: Step) -> Summary:
    """A backfill that is asked twice to end, as the first slice begins a step."""
    stop = Stop(grace_seconds=600)

    def ask_twice(_: dt.date, step: Step) -> None:
        if step == fatal:
            stop.ask()
            stop.ask()

    return run(small, spark, Told(ask_twice), stop=stop)


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


@pytest.fixture(scope="module")
def filled(
    base: SmallProject, spark: SparkSession, told: Told, tmp_path_factory: pytest.TempPathFactory
) -> SmallProject:
    """A copy with all days published by one backfill, two at once; for tests that only look."""
    small = copy_of(base, tmp_path_factory.mktemp("p"))
    summary = run(small, spark, told, parallel=2)
    assert outcomes(summary) == dict.fromkeys(DAYS, "published")
    assert (summary.exit_code, summary.left) == (0, ())
    assert sum(slice_.loads for slice_ in summary.done) <= 2  # one a worker process, for all slices together
    return small


@pytest.fixture
def copied(filled: SmallProject, tmp_path: Path) -> SmallProject:
    """A copy of that, for one test."""
    return copy_of(filled, tmp_path)


def test_a_backfill_ends_as_slices_scored_one_by_one(
    filled: SmallProject, small: SmallProject, spark: SparkSession
) -> None:
    for day in DAYS:
        small.score(spark, day)
    assert without_run(filled.predictions()) == without_run(small.predictions())
    assert without_run(filled.quarantine()) == without_run(small.quarantine())
    assert len(filled.predictions()) == len(DAYS) * (ROWS - len(REFUSED))
    assert len({row["run_id"] for row in filled.predictions()}) == len(DAYS)
    assert sorted(filled.states()) == ["published"] * len(DAYS) + ["started"] * len(DAYS)


def test_it_tells_of_each_step_and_end(filled: SmallProject, told: Told) -> None:
    assert filled.stages() == []
    for day in DAYS:
        assert [step for at, step in told.steps if at == day][-1] == "record"
    assert [left for _, left in told.ends] == [2, 1, 0]
    assert {day for day, _ in told.ends} == set(DAYS)


def test_done_again_nothing_is_due(filled: SmallProject, spark: SparkSession) -> None:
    found = planned(filled, spark)
    assert [slice_.state for slice_ in found.slices] == ["current"] * len(DAYS)
    assert due(found) == due(found, "missing") == due(found, "stale") == []
    assert len(due(found, "all")) == len(DAYS)
    assert found.pace is not None
    assert all(slice_.seconds for slice_ in found.slices)


def test_only_the_slice_of_a_late_row_is_replaced(
    filled: SmallProject, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    small = copy_of(filled, tmp_path_factory.mktemp("p"))
    small.land(orders_of(SECOND, rows=1, first=ROWS))
    before = {row["run_id"] for row in small.predictions() if row["score_date"] != SECOND}
    assert [slice_.score_date for slice_ in due(planned(small, spark), "stale")] == [SECOND]
    assert outcomes(run(small, spark)) == {SECOND: "published"}
    assert {row["run_id"] for row in small.predictions() if row["score_date"] != SECOND} == before
    assert ROWS in [row["id"] for row in small.predictions(SECOND)]


def test_all_scores_published_slices_again(
    filled: SmallProject, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    small = copy_of(filled, tmp_path_factory.mktemp("p"))
    before = {row["run_id"] for row in small.predictions()}
    assert outcomes(run(small, spark, only="all", parallel=2)) == dict.fromkeys(DAYS, "published")
    assert before.isdisjoint(row["run_id"] for row in small.predictions())
    assert without_run(small.predictions()) == without_run(filled.predictions())


def test_a_rejected_slice_does_not_stop_the_others(small: SmallProject, spark: SparkSession) -> None:
    small.mend({number: {"amount": -1.0} for number in range(ROWS)}, SECOND)
    summary = run(small, spark, max_failures=1)
    assert outcomes(summary) == {DAYS[0]: "published", SECOND: "rejected", DAYS[2]: "published"}
    assert summary.exit_code == 3
    assert {row["score_date"] for row in small.predictions()} == {DAYS[0], DAYS[2]}
    again = planned(small, spark)
    assert [slice_.state for slice_ in again.slices] == ["current", "rejected", "current"]
    assert due(again) == []
    small.mend({}, SECOND)
    assert outcomes(run(small, spark)) == {SECOND: "published"}


def test_after_too_many_failures_no_more_slices_are_begun(small: SmallProject, spark: SparkSession) -> None:
    small.mend({number: {"amount": -1.0} for number in range(ROWS)}, DAY)
    summary = run(small, spark, max_failures=0)
    assert outcomes(summary) == {DAY: "rejected"}
    assert summary.left == DAYS[1:]
    assert "--max-failures is 0" in summary.why_left
    assert summary.exit_code == 1


def test_an_unexpected_error_is_its_slices_own(small: SmallProject, spark: SparkSession) -> None:
    def act(day: dt.date, step: Step) -> None:
        if (day, step) == (SECOND, "audit"):
            raise RuntimeError("a bolt from the blue")

    summary = run(small, spark, Told(act))
    assert outcomes(summary) == {DAYS[0]: "published", SECOND: "failed", DAYS[2]: "published"}
    assert "a bolt from the blue" in next(slice_.error for slice_ in summary.done if slice_.score_date == SECOND)
    assert summary.exit_code == 1


def test_asked_to_end_what_is_at_work_is_finished(small: SmallProject, spark: SparkSession) -> None:
    stop = Stop(grace_seconds=600)
    summary = run(
        small, spark, Told(lambda day, step: stop.ask() if not stop.is_asked and step == "score" else None), stop=stop
    )
    assert outcomes(summary) == {DAYS[0]: "published"}
    assert summary.left == DAYS[1:]
    assert summary.exit_code == 1


def test_asked_before_it_begins_nothing_is_begun(small: SmallProject, spark: SparkSession) -> None:
    stop = Stop()
    stop.ask()
    assert outcomes(run(small, spark, stop=stop)) == {}
    assert small.states() == []


def test_what_is_published_after_the_plan_stays(small: SmallProject, spark: SparkSession) -> None:
    found = planned(small, spark)
    newer = small.score(spark, DAY, model_version=1, force=True)
    summary = backfill(spark, small.project, found, only="all", watcher=Told(), stop=Stop())
    assert outcomes(summary) == {DAY: "superseded", DAYS[1]: "published", DAYS[2]: "published"}
    assert {row["run_id"] for row in small.predictions(DAY)} == {newer.run_id}


def test_rows_of_several_runs_are_replaced_as_a_whole(copied: SmallProject, spark: SparkSession) -> None:
    frame = spark.read.format("delta").load(copied.predictions_path).where(f"score_date = '{DAY}'").limit(2)
    frame.withColumn("run_id", F.lit("another")).write.format("delta").mode("append").save(copied.predictions_path)
    assert outcomes(run(copied, spark)) == {DAY: "published"}
    assert len(copied.predictions(DAY)) == ROWS - len(REFUSED)


def test_what_a_dead_run_had_published_is_on_the_record_after_the_next_backfill(
    small: SmallProject, spark: SparkSession
) -> None:
    with pytest.raises(BrokenOffError):
        small.score(spark, progress=broken_off("record"))
    stage = small.root / "warehouse" / "orders" / "_stage"
    assert small.states() == ["started"]
    plan_backfill(lambda: spark, small.project, "orders", DAY, DAY)
    assert small.states() == ["started", "published"]
    assert [path for path in stage.iterdir() if path.name != "_locks"] == []


def test_asked_twice_what_is_at_work_is_abandoned_and_gone_on_with(small: SmallProject, spark: SparkSession) -> None:
    summary = given_up_at(small, spark, "audit")
    assert outcomes(summary) == {DAYS[0]: "abandoned"}
    assert small.predictions() == []
    assert len(small.stages()) <= 1
    (entry,) = small.ledger.latest()
    assert entry.state == "failed"
    assert outcomes(run(small, spark, parallel=2)) == dict.fromkeys(DAYS, "published")
    assert small.stages() == []


def test_a_rejected_slice_that_is_given_up_is_not_on_the_record_as_rejected(
    small: SmallProject, spark: SparkSession
) -> None:
    small.mend({number: {"amount": -1.0} for number in range(ROWS)}, DAY)
    assert outcomes(given_up_at(small, spark, "audit")) == {DAYS[0]: "abandoned"}
    assert small.states() == ["started", "failed"]
    assert outcomes(run(small, spark, max_failures=0)) == {DAYS[0]: "rejected"}
    assert small.quarantine(DAY) != []


def test_jobs_at_work_are_cancelled_when_it_is_urgent(small: SmallProject, spark: SparkSession) -> None:
    small.use_model("slow")
    stop = Stop(grace_seconds=0)
    summary = run(
        small,
        spark,
        Told(lambda day, step: threading.Timer(1, stop.ask).start() if step == "score" else None),
        stop=stop,
    )
    assert outcomes(summary) == {DAYS[0]: "abandoned"}
    (entry,) = small.ledger.latest()
    assert (entry.state, small.stages()) == ("failed", [])
    assert "ended from outside" in str(entry.error)
    assert summary.seconds < 60


def test_two_backfills_at_once_and_maintenance_beside_them_end_as_one(
    filled: SmallProject, small: SmallProject, spark: SparkSession
) -> None:
    plans = [planned(small, spark), planned(small, spark)]
    with ThreadPoolExecutor(3) as threads:
        beside = threads.submit(lambda: [maintain(spark, small.project, "orders") for _ in range(3)])
        both = [
            threads.submit(partial(backfill, spark, small.project, one, watcher=Told(), stop=Stop())) for one in plans
        ]
        found = [future.result() for future in both]
        assert len(beside.result()) == 3
    assert [summary.exit_code for summary in found] == [0, 0]
    assert without_run(small.predictions()) == without_run(filled.predictions())
    assert without_run(small.quarantine_current(SECOND)) == without_run(filled.quarantine_current(SECOND))
    ended = [entry.state for entry in small.ledger.latest()]
    assert set(ended) <= {"published", "superseded", "failed"}
    assert len(small.stages()) == 0
