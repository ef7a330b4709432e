"""Commits of the log alone: they replace a slice whole and no other, and fail where another commit comes in between."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from pipelines.passes.attempt_folder import AttemptFolder
from pipelines.passes.committing import Change, commit, committed, needs_spark_for, those_there
from pipelines.passes.footers import DataFile, data_files
from pipelines.tables.slices import Slice, commits_of, look_at_slice
from unit.samples import DAY_1, DAY_2

COLUMNS = pa.schema(
    [
        ("id", pa.int64()),
        ("score", pa.float64()),
        ("score_date", pa.date32()),
        ("model_name", pa.string()),
        ("run_id", pa.string()),
    ]
)
SLICE = Slice(DAY_1, "churn")
NAMES = ["churn", "m: it's 100%/é", "a b+c", "x=y&z?#", 'q"uote', "back\\slash", "[br]{ace}~", "日本", "%25"]


@pytest.fixture
def location(tmp_path: Path) -> str:
    properties: Any = {"delta.dataSkippingStatsColumns": "id,run_id"}
    folder = str(tmp_path / "p")
    DeltaTable.create(folder, COLUMNS, partition_by=["score_date", "model_name"], configuration=properties)
    return folder


def made(location: str, run_id: str, fence: int, slice_: Slice = SLICE, rows: int = 3) -> tuple[Change, list[DataFile]]:
    """A run's change of a slice, with its files as Spark leaves them in the folder of an attempt."""
    folder = AttemptFolder(location, slice_.partition, run_id).name
    Path(location, folder).mkdir(parents=True)
    table = pa.table({"id": pa.array(range(rows)), "score": [0.5] * rows, "run_id": [run_id] * rows})
    pq.write_table(table, Path(location, folder, "part-0.parquet"))
    said, transaction = {"run_id": run_id}, Transaction(slice_.transaction, fence)
    change = Change(run_id, slice_.partition, transaction, rows, replaces=True, metadata=said)
    return change, data_files(location, folder, ["id", "run_id"])


def put(location: str, run_id: str, fence: int, slice_: Slice = SLICE, rows: int = 3) -> None:
    change, files = made(location, run_id, fence, slice_, rows)
    commit(DeltaTable(location), [change], {run_id: files})
    assert is_there(location, change, files)


def is_there(location: str, change: Change, files: list[DataFile]) -> bool:
    return those_there(location, [change], {change.run_id: files}) == {change.run_id}


def runs_in(location: str, slice_: Slice) -> list[str]:
    """The run of each row of a slice."""
    found = DeltaTable(location).to_pyarrow_table().to_pylist()
    wanted = (slice_.score_date, slice_.model_name)
    return [row["run_id"] for row in found if (row["score_date"], row["model_name"]) == wanted]


@pytest.mark.parametrize("name", NAMES)
def test_a_slice_is_replaced_whole_and_no_other_whatever_its_model_is_called(location: str, name: str) -> None:
    mine, next_day, other = Slice(DAY_1, name), Slice(DAY_2, name), Slice(DAY_1, "other")
    before = pa.table(
        {
            "id": [1, 2, 3],
            "score": [0.1, 0.2, 0.3],
            "score_date": pa.array([DAY_1, DAY_2, DAY_1], pa.date32()),
            "model_name": [name, name, "other"],
            "run_id": ["before"] * 3,
        }
    )
    write_deltalake(location, before, mode="append", partition_by=["score_date", "model_name"])
    put(location, "first", 7, mine)
    assert runs_in(location, mine) == ["first"] * 3
    put(location, "second", 8, mine, rows=2)
    assert [runs_in(location, each) for each in (mine, next_day, other)] == [["second"] * 2, ["before"], ["before"]]
    state = look_at_slice(location, mine)
    assert (state.published_run, state.last_fence) == ("second", 8)


@pytest.mark.parametrize(
    ("listed", "by_spark"),
    [
        ("model_name=m%253A%20it's%20100%2525%252F%C3%A9", False),
        ("model_name=m%253A%20it's%20100%2525%252Fé", True),  # as Java's URIs leave it
    ],
)
def test_files_that_delta_rs_would_name_otherwise_are_left_to_spark(location: str, listed: str, by_spark: bool) -> None:
    slice_ = Slice(DAY_1, "m: it's 100%/é")
    put(location, "first", 7, slice_)
    log = Path(location, "_delta_log", f"{1:020d}.json")
    log.write_text(re.sub(r'"path":"[^"]+/', f'"path":"{listed}/', log.read_text()), encoding="utf-8")
    change, _ = made(location, "second", 8, slice_)
    assert (needs_spark_for(DeltaTable(location), location, [change]) is not None) == by_spark


def test_no_files_take_a_slice_away(location: str) -> None:
    put(location, "first", 7)
    change = Change("first", SLICE.partition, Transaction(SLICE.transaction, 8), 0, replaces=True)
    commit(DeltaTable(location), [change], {"first": []})
    assert is_there(location, change, [])
    state = look_at_slice(location, SLICE)
    assert (state.published_run, state.last_fence) == (None, 8)


def without_rows(run_id: str, fence: int, *, is_empty: bool) -> Change:
    transactions = Transaction(SLICE.transaction, fence), Transaction(SLICE.empty_transaction, fence)
    said = {"run_id": run_id, "fence": fence}
    return Change(
        run_id,
        SLICE.partition,
        transactions[0],
        0,
        replaces=True,
        empty=transactions[1],
        is_empty=is_empty,
        metadata=said,
    )


def test_a_slice_without_rows_is_there_or_taken_away_as_its_commit_says(location: str) -> None:
    put(location, "first", 7)
    for fence, is_empty in ((8, True), (9, False), (10, True)):
        change = without_rows("run", fence, is_empty=is_empty)
        commit(DeltaTable(location), [change], {"run": []})
        assert is_there(location, change, [])
        assert not is_there(location, without_rows("other", fence, is_empty=not is_empty), [])
        assert is_there(location, without_rows("other", fence, is_empty=is_empty), []) == (not is_empty)
        state = look_at_slice(location, SLICE)
        assert (state.is_published, state.last_fence, state.empty_fence) == (
            is_empty,
            fence,
            fence if is_empty else None,
        )
        assert state.is_of("run", fence) == is_empty
    put(location, "second", 11)
    assert look_at_slice(location, SLICE).empty_fence is None


def test_whatever_comes_in_between_makes_a_commit_fail(location: str) -> None:
    table = DeltaTable(location)
    put(location, "another", 3, Slice(DAY_2, "other"))
    change, files = made(location, "late", 7)
    with pytest.raises(CommitFailedError):
        commit(table, [change], {"late": files})
    assert not is_there(location, change, files)
    assert runs_in(location, SLICE) == []


def test_slices_of_several_runs_are_replaced_by_one_commit_that_tells_of_each(location: str) -> None:
    slices = [SLICE, Slice(DAY_2, "churn"), Slice(DAY_1, "other")]
    for slice_ in slices:
        put(location, f"before {slice_.partition}", 1, slice_)
    version = DeltaTable(location).version()
    both = [made(location, f"run-{number}", 7 + number, slice_) for number, slice_ in enumerate(slices[:2])]
    commit(DeltaTable(location), [change for change, _ in both], {change.run_id: files for change, files in both})
    assert DeltaTable(location).version() == version + 1
    assert [set(runs_in(location, slice_)) for slice_ in slices] == [
        {"run-0"},
        {"run-1"},
        {f"before {slices[2].partition}"},
    ]
    assert [look_at_slice(location, slice_).last_fence for slice_ in slices] == [7, 8, 1]
    for run in ("run-0", "run-1"):
        assert [(found.version, found.run_id) for found in commits_of(location, run)] == [(version + 1, run)]


def test_a_slice_whose_fence_is_overtaken_is_left_out_and_the_others_are_committed(location: str) -> None:
    late, on_time = made(location, "late", 7), made(location, "on time", 7, Slice(DAY_2, "churn"))
    put(location, "newer", 8)
    changes = [late[0], on_time[0]]
    files = {change.run_id: written for change, written in (late, on_time)}
    assert committed(location, changes, files) == {"on time"}
    assert (set(runs_in(location, SLICE)), set(runs_in(location, Slice(DAY_2, "churn")))) == ({"newer"}, {"on time"})


def test_an_attempt_with_the_fence_of_another_is_not_there(location: str) -> None:
    put(location, "first", 7)
    change, files = made(location, "second", 7)
    assert not is_there(location, change, files)


def test_the_log_bounds_only_the_columns_that_were_asked_for(location: str) -> None:
    put(location, "first", 7)
    lines = Path(location, "_delta_log", f"{1:020d}.json").read_text().splitlines()
    (added,) = [json.loads(line)["add"] for line in lines if '"add"' in line]
    assert json.loads(added["stats"]) == {
        "numRecords": 3,
        "minValues": {"id": 0, "run_id": "first"},
        "maxValues": {"id": 2, "run_id": "first"},
        "nullCount": {"id": 0, "run_id": 0},
    }
