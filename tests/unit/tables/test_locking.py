"""Locks keep other processes out, and end with theirs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipelines.errors import ConflictError
from pipelines.tables.locking import RunLock, table_lock
from unit.tables.conftest import Hold


def test_another_process_is_kept_from_the_table(tmp_path: Path, hold: Hold) -> None:
    location = str(tmp_path / "t")
    hold(f"lock = table_lock({location!r}); lock.__enter__()")
    with (
        pytest.raises(ConflictError, match="another process has held the lock of") as caught,
        table_lock(location, 0.2),
    ):
        pytest.fail("two hold the lock")
    assert "0.2 seconds" in str(caught.value)


def test_a_table_can_be_locked_again_once_it_was_given_back(tmp_path: Path) -> None:
    location = str(tmp_path / "t")
    for _ in range(2):
        with table_lock(location, 0.1):
            pass
    with pytest.raises(ZeroDivisionError), table_lock(location, 0.1):
        _ = 1 / 0
    with table_lock(location, 0.1):
        pass


def test_tables_are_locked_apart(tmp_path: Path, hold: Hold) -> None:
    hold(f"lock = table_lock({str(tmp_path / 'a')!r}); lock.__enter__()")
    with table_lock(str(tmp_path / "b"), 0.1):
        pass


def test_one_table_has_one_lock_however_its_place_is_spelled(tmp_path: Path, hold: Hold) -> None:
    hold(f"lock = table_lock({(tmp_path / 't').as_uri()!r}); lock.__enter__()")
    with pytest.raises(ConflictError), table_lock(f"{tmp_path / 't'}/", 0.1):
        pytest.fail("two hold the lock")


def test_an_object_store_needs_no_lock() -> None:
    with table_lock("s3://bucket/t", 0.1), table_lock("s3://bucket/t", 0.1):
        pass


def test_a_lock_ends_with_its_process(tmp_path: Path, hold: Hold) -> None:
    stages = str(tmp_path / "_stage")
    process = hold(f"lock = RunLock({stages!r}, 'run'); assert lock.acquire()")
    mine = RunLock(stages, "run")
    assert not mine.acquire()
    process.kill()
    process.wait()
    deadline = time.monotonic() + 5
    while not (taken := mine.acquire()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert taken
    mine.release()


def test_a_run_is_held_once_in_one_process_too(tmp_path: Path) -> None:
    first, second = RunLock(str(tmp_path), "run"), RunLock(str(tmp_path), "run")
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_a_lock_given_back_leaves_no_file(tmp_path: Path) -> None:
    lock = RunLock(str(tmp_path), "run")
    assert lock.acquire()
    assert [file.name for file in (tmp_path / "_locks").iterdir()] == ["run.lock"]
    lock.release()
    lock.release()
    assert list((tmp_path / "_locks").iterdir()) == []


def test_giving_back_what_another_holds_does_nothing(tmp_path: Path) -> None:
    first, second = RunLock(str(tmp_path), "run"), RunLock(str(tmp_path), "run")
    assert first.acquire()
    second.release()
    assert not second.acquire()
    first.release()


def test_on_an_object_store_a_run_counts_as_alive() -> None:
    assert not RunLock("s3://bucket/_stage", "run").acquire()
