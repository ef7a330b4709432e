"""Slices by their names, their fences, and what the table itself says of them."""

from __future__ import annotations

import time
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from pipelines.errors import TableError
from pipelines.tables.slices import Slice, SliceState, look_at_slice
from unit.samples import DAY_1, DAY_2

SLICE = Slice(DAY_1, "churn")


def publish(location: Path, run_id: str, *, slice_: Slice = SLICE, fence: int | None = None, rows: int = 2) -> str:
    table = pa.table(
        {
            "customer": range(rows),
            "score_date": pa.array([slice_.score_date] * rows, pa.date32()),
            "model_name": [slice_.model_name] * rows,
            "run_id": [run_id] * rows,
        }
    )
    properties = CommitProperties(app_transactions=[Transaction(slice_.transaction, fence)]) if fence else None
    write_deltalake(
        str(location), table, mode="append", partition_by=["score_date", "model_name"], commit_properties=properties
    )
    return str(location)


def test_a_new_fence_is_the_time_in_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    observed = SliceState(SLICE, frozenset(), 0).next_fence()
    assert before <= observed <= time.time_ns() // 1_000_000


def test_a_new_fence_follows_the_last_even_where_the_clock_went_back() -> None:
    future = time.time_ns() // 1_000_000 + 10_000_000
    assert SliceState(SLICE, frozenset({"run"}), future).next_fence() == future + 1


def test_a_predicate_holds_literals_only() -> None:
    assert SLICE.predicate == "score_date = DATE'2013-07-01' AND model_name = 'churn'"
    assert Slice(DAY_1, "it's \\ ours").predicate.endswith(r"model_name = 'it\'s \\ ours'")


def test_attempts_are_ordered_within_their_slice_only() -> None:
    transactions = {Slice(day, name).transaction for day in (DAY_1, DAY_2) for name in ("a", "b")}
    assert len(transactions) == 4


def test_the_table_says_which_run_is_published(tmp_path: Path) -> None:
    location = publish(tmp_path / "p", "run-1", fence=7)
    publish(tmp_path / "p", "run-2", slice_=Slice(DAY_2, "churn"), fence=9)
    publish(tmp_path / "p", "run-3", slice_=Slice(DAY_1, "other"))
    nobody = Slice(DAY_2, "nobody")
    assert look_at_slice(location, SLICE) == SliceState(SLICE, frozenset({"run-1"}), 7)
    assert look_at_slice(location, Slice(DAY_2, "churn")).published_run == "run-2"
    assert look_at_slice(location, nobody) == SliceState(nobody, frozenset(), 0)


def test_a_slice_that_was_taken_away_keeps_its_fence(tmp_path: Path) -> None:
    location = publish(tmp_path / "p", "run-1", fence=7)
    DeltaTable(location).delete("score_date = DATE '2013-07-01'")
    assert look_at_slice(location, SLICE) == SliceState(SLICE, frozenset(), 7)


def test_rows_of_two_runs_in_one_slice_are_an_error(tmp_path: Path) -> None:
    location = publish(tmp_path / "p", "run-1")
    publish(tmp_path / "p", "run-2")
    observed = look_at_slice(location, SLICE)
    with pytest.raises(TableError, match="rows of several runs") as caught:
        assert observed.published_run
    assert "found: run-1, run-2" in str(caught.value)
    assert observed.next_fence() > 0  # so that --force can replace the slice


def test_a_missing_table_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="there is no table at") as caught:
        look_at_slice(str(tmp_path / "p"), SLICE)
    assert "lakescore tables create" in str(caught.value)
