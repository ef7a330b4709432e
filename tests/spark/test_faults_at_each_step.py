"""Every step of a run, every fault: run again, the tables are those of an undisturbed run, the ledger tells all."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from pyspark.sql import SparkSession
from support.faults.at_steps import STEPS, BrokenOffError, at, broken_off
from support.kinds import kept
from support.small_project import SmallProject, without_run

from pipelines.errors import ConflictError, PipelineError
from pipelines.passes import committing, retries
from pipelines.upkeep.repairing import repair

ENDS = {"published", "superseded", "conflict", "rejected", "failed"}


def no_session() -> SparkSession:
    raise AssertionError("folders need no session")


def same_tables(small: SmallProject, undisturbed: SmallProject) -> bool:
    return (
        without_run(small.predictions()) == without_run(undisturbed.predictions())
        and without_run(small.quarantine_current()) == without_run(undisturbed.quarantine_current())
        and len({row["run_id"] for row in small.predictions()}) == 1
    )


def assert_it_is_gone_on_with(small: SmallProject, undisturbed: SmallProject, spark: SparkSession, step: str) -> None:
    """After a run that failed at the step: nothing is half done, and the next run ends as one that nobody disturbed."""
    assert bool(small.predictions()) == (step == "record")
    result = small.score(spark)
    assert result.outcome == ("already_done" if step == "record" else "published")
    assert same_tables(small, undisturbed)
    assert {entry.state for entry in small.ledger.latest()} <= ENDS
    assert small.stages() == []


@pytest.mark.parametrize("step", kept(STEPS, {"score", "quarantine", "publish", "record"}.__contains__))
def test_broken_off_by_an_error_and_run_again(
    small: SmallProject, scored: SmallProject, spark: SparkSession, step: str
) -> None:
    with pytest.raises(BrokenOffError):
        small.score(spark, progress=broken_off(step))
    assert_it_is_gone_on_with(small, scored, spark, step)


@pytest.mark.parametrize("step", kept(STEPS, {"read", "audit", "publish"}.__contains__))
def test_another_run_of_the_slice_comes_in_between(
    small: SmallProject, scored: SmallProject, spark: SparkSession, step: str
) -> None:
    first = small.score(spark, progress=at(step, lambda: small.score(spark, force=True)))
    newest = small.ledger.latest()
    # Fences are taken when versions are looked up: who comes in later than that, is newer.
    assert first.outcome == {"resolve": "already_done", "record": "published"}.get(step, "superseded")
    assert same_tables(small, scored)
    assert {entry.state for entry in newest} <= ENDS
    assert [entry.state for entry in newest].count("published") == (2 if step == "record" else 1)
    assert small.stages() == []


def after_commit(error: Exception) -> Callable[..., None]:
    """The commit of the predictions that is made, and whose answer is lost on the way back, once."""
    real, lost = committing.commit, [error]

    def commit(table: DeltaTable, changes: list[committing.Change], files: Any) -> None:
        real(table, changes, files)
        if lost and changes[0].replaces:
            raise lost.pop()

    return commit


@pytest.mark.parametrize("error", [CommitFailedError("lost"), OSError("no room for the log's checkpoint")], ids=repr)
def test_a_commit_whose_answer_is_lost_is_not_made_twice(
    small: SmallProject, scored: SmallProject, spark: SparkSession, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(committing, "commit", after_commit(error))
    result = small.score(spark)
    assert result.outcome == "published"
    assert same_tables(small, scored)
    assert small.versions()["warehouse/orders/predictions"] == scored.versions()["warehouse/orders/predictions"]


def test_a_commit_whose_answer_is_lost_at_the_last_try_keeps_its_files(
    small: SmallProject, scored: SmallProject, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "commit", after_commit(CommitFailedError("lost")))
    monkeypatch.setattr(retries, "MOST_ATTEMPTS", 1)
    assert small.score(spark).outcome == "published"
    assert same_tables(small, scored)


def test_a_commit_after_which_all_is_lost_is_found_again(
    small: SmallProject, scored: SmallProject, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(committing, "commit", after_commit(BrokenOffError("after the commit")))
        with pytest.raises(BrokenOffError):
            small.score(spark)
    assert small.score(spark).outcome == "already_done"
    assert same_tables(small, scored)


def test_writers_that_always_come_first_end_in_a_conflict_and_the_rows_are_kept(
    small: SmallProject, scored: SmallProject, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise CommitFailedError("version 7 is there already")

    files = sorted(Path(small.predictions_path).rglob("*.parquet"))
    with monkeypatch.context() as patched:
        patched.setattr(committing, "commit", never)
        patched.setattr(retries, "MOST_ATTEMPTS", 2)
        with pytest.raises(ConflictError, match="came first 2 times"):
            small.score(spark)
    assert sorted(Path(small.predictions_path).rglob("*.parquet")) == files
    assert [entry.state for entry in small.ledger.latest()] == ["conflict"]
    assert len(small.stages()) == 1
    result = small.score(spark)
    assert result.outcome == "published"
    assert "score" not in result.timings  # the staged rows were taken
    assert same_tables(small, scored)


def test_a_table_that_cannot_be_written_fails_the_run_and_nothing_is_half_done(
    small: SmallProject, scored: SmallProject, spark: SparkSession
) -> None:
    log = small.root / "warehouse" / "orders" / "predictions" / "_delta_log"
    away = log.with_name("away")

    def hide() -> None:
        log.rename(away)
        log.write_text("no folder")  # as root, permissions would stop nobody

    with pytest.raises(Exception, match="predictions"):
        small.score(spark, progress=at("publish", hide))
    log.unlink()
    away.rename(log)
    assert small.predictions() == []
    repair(no_session, small.project, "orders")
    assert small.score(spark).outcome == "published"
    assert same_tables(small, scored)


@pytest.fixture
def cramped(small: SmallProject) -> Iterator[SmallProject]:
    """A project whose warehouse is on a small disk of its own."""
    warehouse = small.root / "warehouse"
    before = warehouse.rename(small.root / "before")
    warehouse.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(warehouse)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may make a small disk")
    try:
        shutil.copytree(before, warehouse, dirs_exist_ok=True)
        yield small
    finally:
        subprocess.run(["umount", "--lazy", str(warehouse)], check=True)


def filled(folder: Path) -> Path:
    """A file that takes all the space there is left."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        room = os.statvfs(folder)
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize)
    return ballast


@pytest.mark.parametrize("step", kept(STEPS, {"score", "publish"}.__contains__))
def test_a_disk_that_is_full_fails_the_run_and_once_there_is_room_it_is_gone_on_with(
    cramped: SmallProject, scored: SmallProject, spark: SparkSession, step: str
) -> None:
    warehouse = cramped.root / "warehouse"
    with pytest.raises(PipelineError, match="No space left on device"):
        cramped.score(spark, progress=at(step, lambda: filled(warehouse)))
    (warehouse / "ballast").unlink()
    assert_it_is_gone_on_with(cramped, scored, spark, step)
