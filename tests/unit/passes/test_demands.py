"""Tables that demand more of a writer than a commit of the log keeps to, and rows that do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from pipelines.errors import TableError
from pipelines.passes.demands import needs_spark, path_for_removal, require_fitting
from pipelines.passes.footers import data_files
from pipelines.schemas import SLICE_COLUMNS

COLUMNS = [
    ("id", pa.int64()),
    ("score", pa.float64()),
    ("score_date", pa.date32()),
    ("model_name", pa.string()),
    ("run_id", pa.string()),
]


def made(folder: Path, *more: pa.Field, partition_by: Any = SLICE_COLUMNS, **properties: str) -> DeltaTable:
    schema = pa.schema([*COLUMNS, *more])
    return DeltaTable.create(str(folder), schema, partition_by=list(partition_by), configuration=properties or None)


def test_a_plain_table_demands_nothing(tmp_path: Path) -> None:
    reasons = pa.field("reasons", pa.list_(pa.struct([("rule", pa.string())])))
    table = made(tmp_path / "p", reasons, **{"delta.dataSkippingStatsColumns": "id"})
    assert needs_spark(str(tmp_path / "p"), table, SLICE_COLUMNS) is None


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"delta.appendOnly": "true"}, "delta.appendOnly"),
        ({"delta.enableChangeDataFeed": "true"}, "protocol"),
        ({"delta.setTransactionRetentionDuration": "interval 7 days"}, "setTransactionRetentionDuration"),
    ],
)
def test_properties_are_left_to_spark(tmp_path: Path, properties: dict[str, str], expected: str) -> None:
    table = made(tmp_path / "p", **properties)
    assert expected in str(needs_spark(str(tmp_path / "p"), table, SLICE_COLUMNS))


@pytest.mark.parametrize(
    "field",
    [
        pa.field("at", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("sizes", pa.list_(pa.field("element", pa.int32(), nullable=False))),
        pa.field("box", pa.struct([pa.field("width", pa.int32(), nullable=False)])),
        pa.field("code", pa.string(), metadata={"__CHAR_VARCHAR_TYPE_STRING": "varchar(3)"}),
        pa.field("total", pa.int32(), metadata={"delta.generationExpression": "id + 1"}),
    ],
    ids=str,
)
def test_demands_of_columns_are_left_to_spark(tmp_path: Path, field: pa.Field) -> None:
    assert needs_spark(str(tmp_path / "p"), made(tmp_path / "p", field), SLICE_COLUMNS) is not None


@pytest.mark.parametrize("partition_by", [(), ("score_date",), ("score_date", "run_id")])
def test_other_partitions_are_left_to_spark(tmp_path: Path, partition_by: tuple[str, ...]) -> None:
    table = made(tmp_path / "p", partition_by=partition_by)
    assert "partitions" in str(needs_spark(str(tmp_path / "p"), table, SLICE_COLUMNS))


def test_a_constraint_is_left_to_spark(tmp_path: Path) -> None:
    table = made(tmp_path / "p")
    table.alter.add_constraint({"likely": "score <= 1"})
    assert needs_spark(str(tmp_path / "p"), DeltaTable(tmp_path / "p"), SLICE_COLUMNS) is not None


def test_a_store_is_left_to_spark(tmp_path: Path) -> None:
    assert needs_spark("s3://bucket/p", made(tmp_path / "p"), SLICE_COLUMNS) == "it is not on a local disk"


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"id": ["1", "2"]}, "id string"),
        ({"id": pa.array([1, 2], pa.int32())}, "id int32"),
        ({"email": ["a", "b"]}, "email string"),
        ({"model_name": ["churn"] * 2}, "model_name string"),
        ({"ID": [1, 2]}, "ID int64"),
    ],
)
def test_columns_that_do_not_fit_are_named(tmp_path: Path, columns: dict[str, Any], found: str) -> None:
    table = made(tmp_path / "p")
    (tmp_path / "p/a").mkdir()
    pq.write_table(pa.table({"score": [0.5, 0.5], **columns}), tmp_path / "p/a/part-0.parquet")
    with pytest.raises(TableError, match=f"found: {found}"):
        require_fitting(str(tmp_path / "p"), table, data_files(str(tmp_path / "p"), "a", []))


ROW = pa.struct([("amount", pa.float64()), ("tags", pa.list_(pa.string()))])
NONE = pa.nulls(2, ROW)


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"mask_0": [1, 2], "absent_3": [0, 0], "reasons": pa.nulls(2, pa.list_(pa.string())), "row": NONE}, None),
        ({"row": pa.array([None, {"amount": 1.0, "tags": None}], ROW)}, "row struct"),
        ({"row": pa.array([None, {"amount": None, "tags": ["a"]}], ROW)}, "row struct"),
        ({"reasons": pa.array([None, []], pa.list_(pa.string()))}, None),  # an empty list tells nothing either
        ({"reasons": ["a", None]}, "reasons string"),
        ({"mask_0": ["a", "b"]}, "mask_0 string"),
        ({"mask_0": [0.5, 0.5]}, "mask_0 double"),
        ({"__gate_0": [1, 2]}, "__gate_0 int64"),
        ({"mask_x": [1, 2]}, "mask_x int64"),
    ],
)
def test_files_of_a_stage_hide_bits_and_nulls_alone(tmp_path: Path, columns: dict[str, Any], found: str | None) -> None:
    table = made(tmp_path / "p")
    (tmp_path / "p/a").mkdir()
    pq.write_table(pa.table({"score": [0.5, 0.5], **columns}), tmp_path / "p/a/part-0.parquet")
    files = data_files(str(tmp_path / "p"), "a", [])
    with pytest.raises(TableError, match="found: "):  # other files hide nothing
        require_fitting(str(tmp_path / "p"), table, files)
    if found is None:
        require_fitting(str(tmp_path / "p"), table, files, may_hide=True)
    else:
        with pytest.raises(TableError, match=f"found: {found}"):
            require_fitting(str(tmp_path / "p"), table, files, may_hide=True)


def test_a_removal_is_written_as_the_path_was_listed_or_not_at_all(tmp_path: Path) -> None:
    table = DeltaTable.create(str(tmp_path / "p"), pa.schema([("id", pa.int64())]))
    listed = [f"x{chr(number)}y" for number in (*range(1, 127), 233, 0x65E5)]
    listed += [f"x%{number:02X}y" for number in range(1, 128)] + ["x%C3%A9y", "x%253Ay", "x%2525y", "x%e9y"]
    paths = {each: path_for_removal(each) for each in listed}
    removed: list[AddAction | RemoveAction] = [
        RemoveAction(path, True, 1, 1, {}) for path in paths.values() if path is not None
    ]
    table.create_write_transaction(removed, "append", table.schema(), [])
    lines = (tmp_path / "p/_delta_log" / f"{1:020d}.json").read_text(encoding="utf-8").splitlines()
    written = [json.loads(line)["remove"]["path"] for line in lines if '"remove"' in line]
    assert sorted(written) == sorted(each for each, path in paths.items() if path is not None)
    assert {"x%20y", "x%25y", "x%23y", "x%C3%A9y", "x%253Ay", "x%2525y", "x=y", "x'y"} <= set(written)
    assert {"x y", "xéy", "x%27y", "x%e9y", "x日y"}.isdisjoint(written)
