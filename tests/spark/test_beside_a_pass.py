"""What others do to the table while a pass over several slices is under way: other passes, OPTIMIZE, VACUUM."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from support.faults.at_steps import at
from support.small_project import DAYS, REFUSED, ROWS, SmallProject, copy_of, orders_of, without_run

from pipelines.passes import committing
from pipelines.runs.scoring import Ended, score_days

pytestmark = pytest.mark.spark

SCORED = ROWS - len(REFUSED)


def meanwhile(monkeypatch: pytest.MonkeyPatch, location: str, act: Callable[[], object]) -> None:
    """Do something once, after a commit has looked at the table and before it is made."""
    commit = committing.commit
    done: list[bool] = []

    def after(table: DeltaTable, *given: Any) -> None:
        if location in table.table_uri and not done:
            done.append(True)
            act()
        commit(table, *given)

    monkeypatch.setattr(committing, "commit", after)


def vacuum(location: str, *, full: bool) -> list[str]:
    """Remove what no version needs and is older than an hour."""
    table = DeltaTable(location)
    return table.vacuum(retention_hours=1, dry_run=False, enforce_retention_duration=False, full=full)


@pytest.mark.parametrize("table", ["predictions", "quarantine"])
def test_files_are_compacted_and_vacuumed_while_a_pass_publishes(
    spark: SparkSession, small: SmallProject, scored_days: SmallProject, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    location = small.predictions_path if table == "predictions" else small.quarantine_path
    for _ in range(2):  # two files in each partition of the quarantine
        small.score(spark, DAYS[1], force=True)
    made: list[int] = []

    def maintain() -> None:
        DeltaTable(location).optimize.compact(min_commit_interval=dt.timedelta(0))
        vacuum(location, full=False)
        vacuum(location, full=True)
        made.append(DeltaTable(location).version())

    def age_stages() -> None:
        long_ago = time.time() - 2 * 3600
        for file in (small.root / "warehouse" / "orders" / "_stage").rglob("*.parquet"):
            os.utime(file, (long_ago, long_ago))

    meanwhile(monkeypatch, location, maintain)
    ended = score_days(spark, small.project, "orders", DAYS, force=True, progress=at("publish", age_stages))
    assert [one.result().outcome for one in ended] == ["published"] * 3
    assert made
    assert without_run(small.predictions()) == without_run(scored_days.predictions())
    current = [row for day in DAYS for row in small.quarantine_current(day)]
    assert without_run(current) == without_run(scored_days.quarantine())
    for path in (small.predictions_path, small.quarantine_path):
        vacuum(path, full=True)
        assert spark.read.format("delta").load(path).count() == len(DeltaTable(path).to_pyarrow_table())


@pytest.fixture(scope="module")
def scored_days(base: SmallProject, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A copy with all days published; for tests that only look."""
    small = copy_of(base, tmp_path_factory.mktemp("p"))
    score_days(spark, small.project, "orders", DAYS)
    return small


def test_of_passes_over_overlapping_periods_each_slice_is_of_one_whole(
    spark: SparkSession, small: SmallProject, scored_days: SmallProject
) -> None:
    small.land(orders_of(DAYS[-1] + dt.timedelta(days=1)))
    periods = [DAYS, (*DAYS[1:], DAYS[-1] + dt.timedelta(days=1))]
    together = threading.Barrier(2, timeout=240)

    def run(days: Sequence[dt.date]) -> list[Ended]:
        def meet(step: str) -> None:
            if step == "publish":
                together.wait()

        return score_days(spark, small.project, "orders", days, progress=meet)

    with ThreadPoolExecutor(2) as pool:
        ended = [one.result() for part in pool.map(run, periods) for one in part]
    published = {result.run_id: result.score_date for result in ended if result.outcome == "published"}
    rows = small.predictions()
    assert len(rows) == 4 * SCORED
    assert {row["run_id"]: row["score_date"] for row in rows}.items() <= published.items()
    assert without_run(row for row in rows if row["score_date"] in DAYS) == without_run(scored_days.predictions())
    # Of a slice that both published, the ledger's newest word is of the run whose rows are there.
    newest = {entry.score_date: entry for entry in sorted(small.ledger.latest(), key=lambda entry: entry.fence or 0)}
    assert {entry.run_id for entry in newest.values()} == {row["run_id"] for row in rows}
    assert {entry.state for entry in small.ledger.latest()} <= {"published", "superseded"}
    assert small.stages() == []


def test_a_pass_that_is_overtaken_on_some_days_publishes_the_others(spark: SparkSession, small: SmallProject) -> None:
    newer: list[str] = []

    def overtake() -> None:
        newer.extend(one.result().run_id for one in score_days(spark, small.project, "orders", DAYS[1:], force=True))

    ended = score_days(spark, small.project, "orders", DAYS, progress=at("publish", overtake))
    assert [one.result().outcome for one in ended] == ["published", "superseded", "superseded"]
    of_days = {row["score_date"]: row["run_id"] for row in small.predictions()}
    assert of_days == dict(zip(DAYS, [ended[0].result().run_id, *newer], strict=True))
    assert len(small.predictions()) == 3 * SCORED
