"""Commits of the log alone: what they take, what they refuse, and what they say of files."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from pipelines.errors import TableError
from pipelines.passes.fitting import kept_by_spark, require_fitting
from pipelines.passes.footers import LONGEST_TEXT, DataFile, data_files
from pipelines.passes.publishing import commit
from pipelines.tables.slices import Slice, look_at_slice
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


@pytest.fixture
def location(tmp_path: Path) -> str:
    DeltaTable.create(
        str(tmp_path / "p"),
        COLUMNS,
        partition_by=["score_date", "model_name"],
        configuration={"delta.dataSkippingStatsColumns": "id,run_id"},
    )
    return str(tmp_path / "p")


def files_of(location: str, run_id: str, rows: int = 3, **columns: Any) -> list[DataFile]:
    """Files of a run, as Spark leaves them in a folder of an attempt."""
    folder = Path(location) / f"pass={run_id}" / "attempt=1"
    folder.mkdir(parents=True)
    table = pa.table({"id": pa.array(range(rows)), "score": [0.5] * rows, "run_id": [run_id] * rows, **columns})
    pq.write_table(table, folder / "part-0.parquet")
    (folder / "_SUCCESS").touch()
    return data_files(location, f"pass={run_id}/attempt=1")


def put(location: str, run_id: str, fence: int, slice_: Slice = SLICE, rows: int = 3) -> None:
    files = files_of(location, run_id, rows)
    at = Transaction(slice_.transaction, fence)
    said = json.dumps({"run_id": run_id})
    commit(DeltaTable(location), files, slice_.partition, at, replaces=True, user_metadata=said)


def rows_in(location: str, slice_: Slice) -> list[str]:
    """The run of each row of a slice."""
    found = DeltaTable(location).to_pyarrow_table().to_pylist()
    wanted = (slice_.score_date, slice_.model_name)
    return [row["run_id"] for row in found if (row["score_date"], row["model_name"]) == wanted]


@pytest.mark.parametrize(
    "name", ["churn", "m: it's 100%/é", "a b+c", "x=y&z?#", 'q"uote', "back\\slash", "[br]{ace}~", "日本", "%25"]
)
def test_a_slice_is_replaced_whole_and_no_other_whatever_its_model_is_called(location: str, name: str) -> None:
    mine, next_day, other = Slice(DAY_1, name), Slice(DAY_2, name), Slice(DAY_1, "other")
    # As other writers lay files down: in folders that hold the names of partitions.
    by_another = pa.table(
        {
            "id": [1, 2, 3],
            "score": [0.1, 0.2, 0.3],
            "score_date": pa.array([DAY_1, DAY_2, DAY_1], pa.date32()),
            "model_name": [name, name, "other"],
            "run_id": ["before"] * 3,
        }
    )
    write_deltalake(location, by_another, mode="append", partition_by=["score_date", "model_name"])
    put(location, "first", 7, mine)
    assert rows_in(location, mine) == ["first"] * 3
    put(location, "second", 8, mine, rows=2)
    assert [rows_in(location, each) for each in (mine, next_day, other)] == [["second"] * 2, ["before"], ["before"]]
    state = look_at_slice(location, mine)
    assert (state.published_run, state.last_fence) == ("second", 8)


def test_no_files_take_a_slice_away(location: str) -> None:
    put(location, "first", 7)
    commit(DeltaTable(location), [], SLICE.partition, Transaction(SLICE.transaction, 8), replaces=True)
    assert look_at_slice(location, SLICE).published_run is None
    assert look_at_slice(location, SLICE).last_fence == 8


def test_whatever_comes_in_between_makes_a_commit_fail(location: str) -> None:
    table = DeltaTable(location)
    put(location, "another", 3, Slice(DAY_2, "other"))
    files = files_of(location, "late")
    with pytest.raises(CommitFailedError):
        commit(table, files, SLICE.partition, Transaction(SLICE.transaction, 7), replaces=True)
    assert rows_in(location, SLICE) == []


def test_the_log_bounds_only_the_columns_that_the_table_names(location: str) -> None:
    put(location, "first", 7)
    lines = (Path(location) / "_delta_log" / f"{1:020d}.json").read_text().splitlines()
    (added,) = [json.loads(line)["add"] for line in lines if '"add"' in line]
    assert json.loads(added["stats"]) == {
        "numRecords": 3,
        "minValues": {"id": 0, "run_id": "first"},
        "maxValues": {"id": 2, "run_id": "first"},
        "nullCount": {"id": 0, "run_id": 0},
    }


def test_footers_tell_of_all_row_groups_and_only_what_is_sure(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    table = pa.table(
        {
            "id": pa.array([5, None, -(2**62), 9], pa.int64()),
            "day": pa.array([DAY_2, DAY_1, None, DAY_1], pa.date32()),
            "text": ["b", "a", None, "é"],
            "long": ["x" * (LONGEST_TEXT + 1)] * 4,
            "price": pa.array([Decimal("1.5"), None, None, None]),
            "score": [0.5, float("nan"), 1.0, 2.0],
            "at": pa.array([dt.datetime(2024, 1, 1)] * 4),
            "nothing": pa.nulls(4, pa.int32()),
            "reasons": [[{"rule": "r"}], None, [], None],
        }
    )
    pq.write_table(table, tmp_path / "a/part-0.parquet", row_group_size=2)
    pq.write_table(table.slice(0, 0), tmp_path / "a/part-1.parquet")
    (file,) = data_files(str(tmp_path), "a")
    assert (file.path, file.rows, file.size) == ("a/part-0.parquet", 4, (tmp_path / "a/part-0.parquet").stat().st_size)
    assert file.bounds == {"id": (-(2**62), 9), "day": (DAY_1, DAY_2), "text": ("a", "é")}
    assert {name: file.nulls[name] for name in ("id", "day", "nothing", "price")} == {
        "id": 1,
        "day": 1,
        "nothing": 4,
        "price": 3,
    }
    told = json.loads(file.statistics(["day", "id"]))
    assert (told["minValues"], told["maxValues"]["day"]) == ({"id": -(2**62), "day": str(DAY_1)}, str(DAY_2))
    assert data_files(str(tmp_path), "nowhere") == []


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"id": ["1", "2", "3"]}, "id string"),
        ({"id": pa.array([1, 2, 3], pa.int32())}, "id int32"),
        ({"email": ["a", "b", "c"]}, "email string"),
        ({"model_name": ["churn"] * 3}, "model_name string"),
    ],
)
def test_files_that_do_not_fit_are_named(location: str, columns: dict[str, Any], told: str) -> None:
    files = files_of(location, "run", **columns)
    with pytest.raises(TableError, match=f"found: {told}"):
        require_fitting(location, DeltaTable(location), files)


def test_a_column_that_takes_no_null_is_held_to_it(tmp_path: Path) -> None:
    strict = pa.schema([pa.field("id", pa.int64(), nullable=False), ("score", pa.float64()), ("run_id", pa.string())])
    DeltaTable.create(str(tmp_path / "p"), strict)
    table = DeltaTable(str(tmp_path / "p"))
    require_fitting("p", table, files_of(str(tmp_path / "p"), "right"))
    with pytest.raises(TableError, match="found: id null"):
        require_fitting("p", table, files_of(str(tmp_path / "p"), "wrong", id=pa.array([1, None, 3])))


@pytest.mark.parametrize(
    ("property_", "told"),
    [
        ({"delta.appendOnly": "true"}, "delta.appendOnly"),
        ({"delta.enableChangeDataFeed": "true"}, "protocol"),
        ({"delta.setTransactionRetentionDuration": "interval 7 days"}, "setTransactionRetentionDuration"),
    ],
)
def test_tables_that_demand_more_are_left_to_spark(tmp_path: Path, property_: dict[str, str], told: str) -> None:
    DeltaTable.create(str(tmp_path / "p"), COLUMNS, configuration=property_)
    assert told in str(kept_by_spark(str(tmp_path / "p"), DeltaTable(str(tmp_path / "p"))))


def test_a_constraint_is_left_to_spark(location: str) -> None:
    assert kept_by_spark(location, DeltaTable(location)) is None
    DeltaTable(location).alter.add_constraint({"likely": "score <= 1"}, commit_properties=CommitProperties())
    assert kept_by_spark(location, DeltaTable(location)) is not None


def test_a_store_is_left_to_spark(location: str) -> None:
    assert kept_by_spark("s3://bucket/p", DeltaTable(location)) == "it is not on a local disk"
