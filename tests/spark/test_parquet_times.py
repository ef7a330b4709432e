"""Parquet as pandas writes it: times in nanoseconds are read right, and what cannot be is refused by column."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import types as T
from support.small_project import DAY, SmallProject, orders_of, without_run

from pipelines.config import Source
from pipelines.errors import SourceError
from pipelines.inputs.pinning import PinnedSource
from pipelines.inputs.reading import read_source
from pipelines.inputs.spark_errors import meaning, translated
from pipelines.tables.fingerprints import Pinned

pytestmark = pytest.mark.spark

PARQUET = Source(path="orders", format="parquet")
MICROSECOND = dt.timedelta(microseconds=1)
EPOCH = dt.datetime(1970, 1, 1)
NANOSECONDS = [1_709_287_200_123_456_789, 0, -1, -1_999, None, 9_223_372_036_854_775_807, -9_223_372_036_854_775_000]


def read(spark: SparkSession, place: Path) -> list[T.Row]:
    return read_source(spark, PinnedSource("orders", str(place), "parquet", Pinned(None, "")), PARQUET).collect()


def times(values: list[int | None], unit: str = "ns", zone: str | None = None) -> pa.Array:
    return pa.array(values, pa.timestamp(unit, zone))


def test_times_in_nanoseconds_are_read_to_the_microsecond_before_1970_and_after(
    spark: SparkSession, tmp_path: Path
) -> None:
    pq.write_table(
        pa.table(
            {
                "id": range(len(NANOSECONDS)),
                "naïve `one` a.b": times(NANOSECONDS),
                "in Rome": times(NANOSECONDS, zone="Europe/Rome"),
                "whole": pa.array(NANOSECONDS, pa.int64()),
            }
        ),
        tmp_path / "a.parquet",
    )
    expected = [None if value is None else EPOCH + (value // 1000) * MICROSECOND for value in NANOSECONDS]
    for place in (tmp_path, tmp_path / "a.parquet"):
        source = PinnedSource("orders", str(place), "parquet", Pinned(None, ""))
        frame = read_source(spark, source, PARQUET).orderBy("id")
        assert [field.dataType for field in frame.schema][1:3] == [T.TimestampNTZType(), T.TimestampType()]
        assert frame.columns == ["id", "naïve `one` a.b", "in Rome", "whole"]
        rows = frame.collect()
        assert [row[1] for row in rows] == expected
        assert [row[3] for row in rows] == NANOSECONDS
        as_text = frame.selectExpr("CAST(`in Rome` AS STRING)").collect()
        assert [row[0] and pd.Timestamp(row[0]).to_pydatetime() for row in as_text] == expected


def test_they_are_those_of_microseconds_wherever_the_session_is(spark: SparkSession, tmp_path: Path) -> None:
    values = [1_709_287_200_123_456_000, -1_000]
    for unit, divisor in (("ns", 1), ("us", 1000)):
        columns = {name: times([value // divisor for value in values], unit, zone) for name, zone in zones().items()}
        pq.write_table(pa.table(columns), tmp_path / f"{unit}.parquet")
    session = spark.newSession()
    session.conf.set("spark.sql.session.timeZone", "America/New_York")
    found = [
        read_source(session, PinnedSource("x", str(tmp_path / f"{unit}.parquet"), "parquet", Pinned(None, "")), PARQUET)
        for unit in ("ns", "us")
    ]
    assert found[0].schema == found[1].schema
    assert found[0].collect() == found[1].collect()


def zones() -> dict[str, str | None]:
    return {"naive": None, "zoned": "UTC"}


def test_two_sources_of_one_session_are_both_read_as_times(spark: SparkSession, tmp_path: Path) -> None:
    session = spark.newSession()
    frames = []
    for name in ("a", "b"):
        pq.write_table(pa.table({"t": times([1_000, -1])}), tmp_path / f"{name}.parquet")
        source = PinnedSource(name, str(tmp_path / f"{name}.parquet"), "parquet", Pinned(None, ""))
        frames.append(read_source(session, source, PARQUET))
    joined = frames[0].join(frames[1], "t", "inner").orderBy("t")
    assert [row["t"] for row in joined.collect()] == [EPOCH - MICROSECOND, EPOCH + MICROSECOND]
    assert session.conf.get("spark.sql.legacy.parquet.nanosAsLong") == "false"


REFUSED = {
    "nested": ({"s": pa.array([{"t": 1}], pa.struct([("t", pa.timestamp("ns"))]))}, ["within a column, 's.t'", "'us'"]),
    "in a list": ({"l": pa.array([[1]], pa.list_(pa.timestamp("ns")))}, ["within a column, 'l.list.element'"]),
    "time of day": ({"open": pa.array([1], pa.time64("ns"))}, ["column 'open'", "time in nanoseconds"]),
    "time of day in microseconds": ({"open": pa.array([1], pa.time64("us"))}, ["column 'open'", "as text"]),
    "half float": ({"h": pa.array([1.0], pa.float16())}, ["column 'h'", "float16 in a.parquet"]),
    "beside a time": ({"t": times([1]), "h": pa.array([1.0], pa.float16())}, ["column 'h'"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_type_that_spark_has_not_is_refused_by_its_column(spark: SparkSession, tmp_path: Path, case: str) -> None:
    columns, told = REFUSED[case]
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="source 'orders'") as caught:
        read(spark, tmp_path)
    for words in told:
        assert words in str(caught.value)
    assert "to do: " in str(caught.value)


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")], ids=["nanoseconds first", "nanoseconds last"])
@pytest.mark.parametrize("other", ["us", "ms", "zoned"])
def test_files_of_different_units_are_refused_by_column_whichever_spark_looks_at_first(
    spark: SparkSession, tmp_path: Path, order: tuple[str, str], other: str
) -> None:
    others = {"us": times([1], "us"), "ms": times([1], "ms"), "zoned": times([1], zone="UTC")}
    pq.write_table(pa.table({"id": [1], "t": times([1_000_000])}), tmp_path / f"{order[0]}.parquet")
    pq.write_table(pa.table({"id": [2], "t": others[other]}), tmp_path / f"{order[1]}.parquet")
    with pytest.raises(SourceError) as caught, translated(meaning):
        read(spark, tmp_path)
    assert re.search(r"column ('t'|\[t\])", str(caught.value))
    assert "write all files alike" in str(caught.value)


def test_pandas_orders_are_scored_by_the_day_of_their_time(
    spark: SparkSession, small: SmallProject, scored: SmallProject
) -> None:
    orders = pd.DataFrame(orders_of(DAY))
    orders["at"] = pd.Timestamp(DAY) + pd.to_timedelta(orders["id"], unit="m")
    assert orders["at"].dtype == "datetime64[ns]"
    for name in ("customer", "quantity"):
        orders[name] = orders[name].astype("Int32")
    folder = small.root / "inputs" / "pandas"
    folder.mkdir()
    orders.to_parquet(folder / "orders.parquet")
    where = "CAST(at AS DATE) = :score_date"
    small.configure(source={"tables": {"orders": {"path": "pandas", "format": "parquet", "slice": {"where": where}}}})
    assert small.score(spark).outcome == "published"
    assert without_run(small.predictions(DAY)) == without_run(scored.predictions())
