"""Slices of times: the day that a time has in the pipeline's zone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql import SparkSession
from support.small_project import ORDERS, SmallProject, orders_of

from pipelines.backfills.planning import plan
from pipelines.inputs.pinning import pin_sources
from pipelines.inputs.reading import read_slice
from pipelines.provenance.explaining import why
from pipelines.runs.tables import create_tables

pytestmark = pytest.mark.spark
NEW_YORK = "America/New_York"
SPRING, AUTUMN = dt.date(2026, 3, 8), dt.date(2026, 11, 1)
"""The days of 2026 on which New York's clocks change."""
TIMES = {
    "2026-03-08T04:59:59.999999": dt.date(2026, 3, 7),
    "2026-03-08T05:00:00": SPRING,
    "2026-03-09T03:59:59.999999": SPRING,
    "2026-03-09T04:00:00": dt.date(2026, 3, 9),
    "2026-11-01T03:59:59": dt.date(2026, 10, 31),
    "2026-11-01T04:00:00": AUTUMN,
    "2026-11-01T05:30:00": AUTUMN,
    "2026-11-01T06:30:00": AUTUMN,
    "2026-11-02T04:59:59.999999": AUTUMN,
    "2026-11-02T05:00:00": dt.date(2026, 11, 2),
}
"""Moments in UTC, and their days in New York: the hour from 1 to 2 is there twice in autumn."""


def land(folder: Path, times: list[str], zone: str | None, first: int = 1, partition: str | None = None) -> None:
    """Orders, each at one of the times."""
    rows = pa.Table.from_pylist(orders_of(AUTUMN, len(times), first), schema=ORDERS).drop(["day"])
    at = pa.array([dt.datetime.fromisoformat(time) for time in times], pa.timestamp("us"))
    rows = rows.append_column("at", at.cast(pa.timestamp("us", tz=zone)) if zone else at)
    write_deltalake(str(folder), rows, mode="append", partition_by=[partition] if partition else None)


@pytest.fixture
def timed(spark: SparkSession, small: SmallProject, request: pytest.FixtureRequest) -> SmallProject:
    """The small project over orders with a time each, in Delta."""
    small.configure(
        source={"tables": {"orders": {"path": "timed", "slice": {"column": "at"}}}},
        key=["at", "id"],
        timezone=NEW_YORK,
    )
    return small


def days_of(spark: SparkSession, small: SmallProject, days: set[dt.date]) -> dict[dt.date, int]:
    pipeline = small.pipeline
    found = {}
    for day in sorted(days):
        sources = pin_sources(spark, small.project, pipeline, day, {})
        found[day] = read_slice(spark, pipeline, None, sources, day).count()
        assert sources[0].pinned.rows in (None, found[day])
    return found


def counted(days: list[dt.date]) -> dict[dt.date, int]:
    return {day: days.count(day) for day in sorted(days)}


@pytest.mark.parametrize("partition", [None, "at"])
def test_a_slice_is_the_day_in_the_zone_also_where_clocks_change(
    spark: SparkSession, timed: SmallProject, partition: str | None
) -> None:
    land(timed.root / "inputs" / "timed", list(TIMES), "UTC", partition=partition)
    assert days_of(spark, timed, set(TIMES.values())) == counted(list(TIMES.values()))


def test_times_without_a_zone_are_taken_as_they_stand(spark: SparkSession, timed: SmallProject) -> None:
    land(timed.root / "inputs" / "timed", list(TIMES), None)
    as_they_stand = [dt.datetime.fromisoformat(time).date() for time in TIMES]
    assert days_of(spark, timed, set(as_they_stand)) == counted(as_they_stand)


def test_times_are_scored_planned_and_explained_by_their_day(
    spark: SparkSession, timed: SmallProject, tmp_path: Path
) -> None:
    folder = timed.root / "inputs" / "timed"
    land(folder, [time for time, day in TIMES.items() if day == AUTUMN], "UTC")
    timed.configure(
        output={"predictions": {"path": "times/predictions"}, "quarantine": {"path": "times/quarantine"}},
        limits={"quarantined_share": 1.0},
    )
    create_tables(spark, timed.project, "orders")
    result = timed.score(spark, AUTUMN)
    assert (result.outcome, result.counts.input) == ("published", 4)

    land(folder, ["2026-11-02T05:00:00"], "UTC", first=10)  # another day, in New York and in UTC
    land(folder, ["2026-11-01T03:59:59.999999"], "UTC", first=11)  # the same day in UTC alone
    states = plan(lambda: spark, timed.project, "orders", dt.date(2026, 10, 30), dt.date(2026, 11, 3)).slices
    assert [slice_.state for slice_ in states] == ["empty", "missing", "current", "missing", "empty"]
    land(folder, ["2026-11-02T04:59:59"], "UTC", first=12)  # the same day in New York alone
    assert plan(lambda: spark, timed.project, "orders", AUTUMN, AUTUMN).slices[0].state == "stale"

    told = why(lambda: spark, timed.project, "orders", ["at=2026-11-01 00:00:00", "id=1"], None)
    assert (told.score_date, told.status) == (AUTUMN, "scored")
    waiting = why(lambda: spark, timed.project, "orders", ["at=2026-11-01 23:59:59", "id=12"], None)
    assert (waiting.score_date, waiting.status) == (AUTUMN, "waiting")
