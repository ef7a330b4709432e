"""Maintenance: fewer files, the same rows; and nothing that a running run could miss."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from support.small_project import DAY, DAYS, SmallProject, copy_of

from pipelines.errors import UsageError
from pipelines.tables.ledger import Entry
from pipelines.tables.locking import RunLock
from pipelines.tables.slices import Slice, look_at_slice
from pipelines.tables.stages import at
from pipelines.upkeep.maintaining import maintain

LONG_AGO = "20130701T000000-00000000"


@pytest.fixture(scope="module")
def published(base: SmallProject, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A copy with two days published, the first of them twice."""
    small = copy_of(base, tmp_path_factory.mktemp("p"))
    for day in (DAY, DAY, DAYS[1]):
        small.score(spark, day, force=True)
    return small


@pytest.fixture
def copied(published: SmallProject, tmp_path: Path) -> SmallProject:
    return copy_of(published, tmp_path)


def files(location: str) -> int:
    return len(list(Path(location).rglob("pass-*/*.parquet")))


def test_files_are_joined_and_rows_stay(copied: SmallProject, spark: SparkSession) -> None:
    small, before = copied, copied.predictions()
    history = small.ledger.history()
    assert files(small.predictions_path) == 6  # two a run, of two partitions
    done = maintain(spark, small.project, "orders", keep_days=0.1, force=True)
    assert (done.tables["predictions"].compacted, done.tables["predictions"].written) == (4, 2)
    assert len(DeltaTable(small.predictions_path).file_uris()) == 2
    assert small.predictions() == before
    assert small.ledger.history() == history
    assert len(DeltaTable(small.ledger.location).file_uris()) == 1
    assert done.left == ()
    for day in DAYS[:2]:
        (run_id,) = look_at_slice(small.predictions_path, Slice(day, "returns")).runs
        assert small.entry(run_id).state == "published"
    again = maintain(spark, small.project, "orders")
    assert again.tables["predictions"].compacted == again.ledger_files == 0


def test_files_that_no_version_needs_are_removed_once_they_are_old(copied: SmallProject, spark: SparkSession) -> None:
    old = (dt.datetime.now(dt.UTC) - dt.timedelta(days=20)).timestamp()
    for log in sorted(Path(copied.predictions_path, "_delta_log").glob("*.json")):
        text = log.read_text().replace('"deletionTimestamp":', f'"deletionTimestamp":{int(old * 1000)},"was":')
        log.write_text(text)
        os.utime(log, (old, old))
    attempts = [
        Path(copied.predictions_path, f"score_date={DAY}", "model_name=returns", f"pass-{age}")
        for age in ("old", "young")
    ]
    for attempt in attempts:  # what runs leave that are killed before their commit
        attempt.mkdir(parents=True)
        shutil.copy(next(Path(copied.predictions_path).rglob("*.parquet")), attempt / "part-0.parquet")
    for file in Path(copied.predictions_path).rglob("*.parquet"):
        if attempts[1] not in file.parents:
            os.utime(file, (old, old))
    before = copied.predictions()
    done = maintain(spark, copied.project, "orders", closed_after_days=10_000)
    assert (
        done.tables["predictions"].removed == 3
    )  # two of the first run, which the second replaced, and a killed one's
    assert [any(attempt.iterdir()) for attempt in attempts] == [False, True]
    assert copied.predictions() == before


def test_no_personal_value_gets_into_the_log_by_a_compaction(copied: SmallProject, spark: SparkSession) -> None:
    copied.configure(personal=["id"])
    maintain(spark, copied.project, "orders")
    log = Path(copied.predictions_path, "_delta_log")
    newest = max(log.glob("*.json"), key=lambda file: file.name)
    added = [json.loads(line)["add"] for line in newest.read_text().splitlines() if '"add"' in line]
    allowed = set(
        DeltaTable(copied.predictions_path).metadata().configuration["delta.dataSkippingStatsColumns"].split(",")
    )
    assert all(set(json.loads(item["stats"]).get("minValues", {})) <= allowed for item in added)


def test_slices_that_may_still_change_are_not_compacted(copied: SmallProject, spark: SparkSession) -> None:
    done = maintain(spark, copied.project, "orders", closed_after_days=100_000)
    assert done.tables["predictions"].compacted == 0


def test_a_run_at_work_keeps_its_slice_and_short_retentions_away(copied: SmallProject, spark: SparkSession) -> None:
    copied.ledger.append(Entry("20991231T000000-00000000", "orders", DAY, "returns", "started"))
    lock = RunLock(str(copied.root / "warehouse" / "orders" / "_stage"), "20991231T000000-00000000")
    assert lock.acquire()
    with pytest.raises(UsageError, match="while runs are running"):
        maintain(spark, copied.project, "orders", keep_days=1, force=True)
    done = maintain(spark, copied.project, "orders")
    assert done.left == (DAY,)
    assert done.tables["predictions"].compacted == 2
    lock.release()


def test_retentions_that_are_too_short_are_refused(copied: SmallProject, spark: SparkSession) -> None:
    with pytest.raises(UsageError, match="7 days or more"):
        maintain(spark, copied.project, "orders", keep_days=6)
    with pytest.raises(UsageError, match="less than the longest run took"):
        maintain(spark, copied.project, "orders", keep_days=0.000001, force=True)


def test_stages_of_runs_long_ago_are_removed_but_never_one_at_work(copied: SmallProject, spark: SparkSession) -> None:
    stages = str(copied.root / "warehouse" / "orders" / "_stage")
    for run_id in (LONG_AGO, LONG_AGO.replace("00000000", "11111111")):
        lock = RunLock(stages, run_id)
        assert lock.acquire()
        at(stages, run_id, lock).begin("{}")
        if run_id == LONG_AGO:
            lock.release()
    done = maintain(spark, copied.project, "orders")
    assert done.stages == (LONG_AGO,)
    assert [path.name for path in copied.stages()] == [LONG_AGO.replace("00000000", "11111111")]
    lock.release()
