"""Input that is broken on disk or changes its shape: told, nothing published, and mended by mending the input."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction
from pyspark.sql import SparkSession
from support.kinds import kept
from support.small_project import DAY, DAYS, ORDERS, REFUSED, ROWS, SmallProject, orders_of, without_run

from pipelines.errors import PipelineError, RejectedError, SourceError


def data_file(small: SmallProject) -> Path:
    """One of the two files of the first day."""
    return min(Path(small.orders).glob(f"day={DAY}/*.parquet"))


@pytest.mark.parametrize("fault", kept(["truncated", "missing", "garbled"], lambda fault: fault != "garbled"))
def test_a_broken_data_file_is_named_and_once_it_is_mended_the_slice_is_scored(
    small: SmallProject, scored: SmallProject, spark: SparkSession, fault: str
) -> None:
    file = data_file(small)
    content = file.read_bytes()
    if fault == "missing":
        file.unlink()
    else:
        half = len(content) // 2
        file.write_bytes(content[:half] if fault == "truncated" else content[:half] + b"x" * (len(content) - half))
    spark.catalog.clearCache()
    with pytest.raises(SourceError, match="a data file of the input cannot be read") as caught:
        small.score(spark)
    assert file.name in str(caught.value)
    assert small.predictions() == []
    assert small.stages() == []
    assert small.score(spark, DAYS[1]).outcome == "published"  # the other days' files are whole
    file.write_bytes(content)
    assert small.score(spark).outcome == "published"
    assert without_run(small.predictions(DAY)) == without_run(scored.predictions())


def test_a_column_retyped_between_two_slices_stops_the_next_one(small: SmallProject, spark: SparkSession) -> None:
    small.score(spark)
    before = small.predictions()
    table = DeltaTable(small.orders).to_pyarrow_table()
    amounts = [None if value is None else f"{value} EUR" for value in table["amount"].to_pylist()]
    small.replace_orders(table.set_column(table.column_names.index("amount"), "amount", pa.array(amounts)), ["day"])
    with pytest.raises(PipelineError, match="amount"):
        small.score(spark, DAYS[1])
    assert small.predictions() == before


@pytest.mark.parametrize("rows", [1, 2])
def test_a_slice_of_a_row_or_two_is_scored(small: SmallProject, spark: SparkSession, rows: int) -> None:
    small.configure(limits={"quarantined_share": 1.0})
    small.replace_orders(pa.Table.from_pylist(orders_of(DAY, rows=rows), schema=ORDERS), ["day"])
    result = small.score(spark)
    assert (result.counts.input, result.counts.scored) == (rows, rows)


@pytest.mark.parametrize("files", kept([500, 5000], lambda files: files < 1000))
def test_a_slice_of_many_small_files_is_scored_whole(small: SmallProject, spark: SparkSession, files: int) -> None:
    small.suite()
    orders = pa.Table.from_pylist(orders_of(DAY, rows=files, first=ROWS), schema=ORDERS).drop(["day"])
    added: list[AddAction | RemoveAction] = []
    for number in range(orders.num_rows):
        file = Path(small.orders, f"day={DAY}", f"small-{number}.parquet")
        pq.write_table(orders.slice(number, 1), file)
        path, size = f"day={DAY}/{file.name}", file.stat().st_size
        added.append(AddAction(path, size, {"day": str(DAY)}, 0, data_change=True, stats='{"numRecords": 1}'))
    table = DeltaTable(small.orders)
    table.create_write_transaction(added, "append", table.schema(), ["day"])
    result = small.score(spark)
    assert result.counts.input == ROWS + files
    assert len(small.predictions()) == result.counts.scored


def test_one_large_file_beside_many_small_ones_is_scored_whole(small: SmallProject, spark: SparkSession) -> None:
    small.suite()
    for first in range(ROWS, ROWS + 60, 2):
        small.land(orders_of(DAY, rows=2, first=first))
    small.land(orders_of(DAY, rows=20_000, first=1000))
    result = small.score(spark)
    assert result.counts.input == ROWS + 60 + 20_000
    assert len(small.predictions()) == result.counts.scored
    assert set(REFUSED) > {row["id"] for row in small.quarantine()}


def test_a_value_that_cannot_be_cast_stops_the_slice_as_spark_4_has_it(
    small: SmallProject, scored: SmallProject, spark: SparkSession
) -> None:
    assert spark.conf.get("spark.sql.ansi.enabled") == "true"
    small.features(quantity="CAST(channel AS INT)")
    with pytest.raises(SourceError, match="a value of the slice cannot be computed with") as caught:
        small.score(spark)
    assert "try_cast" in str(caught.value)
    assert "CAST_INVALID_INPUT" in str(caught.value.__cause__)
    assert small.predictions() == []
    small.features(quantity="try_cast(channel AS INT)")
    with pytest.raises(RejectedError):  # all rows are refused: the model takes no null
        small.score(spark)
