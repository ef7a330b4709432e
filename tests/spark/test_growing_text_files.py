"""A growing folder of text files: slices are fingerprinted by their own rows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from support.small_project import DAY, DAYS, SmallProject

from pipelines.inputs.pinning import open_sources
from pipelines.tables.fingerprints import Pinned

pytestmark = pytest.mark.spark
HEADER = "day,id,note"


def no_session() -> SparkSession:
    raise AssertionError("what was read before needs no Spark")


def landed(small: SmallProject, *, kind: str = "csv") -> Path:
    """The small project over a folder of text files."""
    folder = small.root / "inputs" / "texts"
    folder.mkdir()
    columns = {"day": "date", "id": "bigint", "note": "string"}
    orders = {"path": "texts", "format": kind, "columns": columns, "slice": {"column": "day"}}
    small.configure(source={"tables": {"orders": orders}})
    return folder


def write(file: Path, *rows: str) -> None:
    file.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")


def pinned(spark: SparkSession, small: SmallProject, *days: dt.date) -> list[Pinned]:
    (source,) = open_sources(lambda: spark, small.project, small.pipeline)
    found = [source.pinned(day).pinned for day in days]
    (again,) = open_sources(no_session, small.project, small.pipeline)
    assert [again.pinned(day).pinned for day in days] == found
    return found


def test_rows_of_other_days_change_nothing_whatever_file_they_are_in(spark: SparkSession, small: SmallProject) -> None:
    folder = landed(small)
    write(folder / "a b.csv", f"{DAYS[0]},1,x", f"{DAYS[0]},2,", f"{DAYS[1]},3,y")
    before = pinned(spark, small, *DAYS)
    assert [one.rows for one in before] == [2, 1, 0]

    write(folder / "2.csv", f"{DAYS[2]},4,z")  # a file more
    write(folder / "a b.csv", f"{DAYS[0]},1,x", f"{DAYS[0]},2,", f"{DAYS[1]},3,y", f"{DAYS[2]},5,z")  # rows more
    after = pinned(spark, small, *DAYS)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, True, False]
    assert after[2].rows == 2

    # The same rows in another order, and in other files.
    write(folder / "a b.csv", f"{DAYS[1]},3,y", f"{DAYS[2]},5,z", f"{DAYS[0]},2,")
    write(folder / "2.csv", f"{DAYS[2]},4,z", f"{DAYS[0]},1,x")
    assert pinned(spark, small, *DAYS) == after


@pytest.mark.parametrize(
    "changed",
    [f"{DAY},1,other", f"{DAY},,1", f"{DAY},2,x", f"{DAY},1x,x", f"{DAY},1,", f"{DAY},1"],
    ids=["a value", "another column", "a key", "unreadable", "missing", "a short record"],
)
def test_whatever_changes_of_a_row_is_seen(spark: SparkSession, small: SmallProject, changed: str) -> None:
    folder = landed(small)
    write(folder / "1.csv", f"{DAY},1,x", f"{DAYS[1]},1,x")
    before = pinned(spark, small, DAY, DAYS[1])
    write(folder / "1.csv", changed, f"{DAYS[1]},1,x")
    after = pinned(spark, small, DAY, DAYS[1])
    assert before[0].fingerprint != after[0].fingerprint
    assert before[1] == after[1]


def test_a_row_twice_is_another_slice_than_once(spark: SparkSession, small: SmallProject) -> None:
    folder = landed(small)
    write(folder / "1.csv", f"{DAY},1,x")
    (once,) = pinned(spark, small, DAY)
    write(folder / "2.csv", f"{DAY},1,x")
    (twice,) = pinned(spark, small, DAY)
    assert (once.rows, twice.rows) == (1, 2)
    assert once.fingerprint != twice.fingerprint


def test_what_is_kept_and_cannot_be_read_is_found_again(spark: SparkSession, small: SmallProject) -> None:
    folder = landed(small)
    write(folder / "1.csv", f"{DAY},1,x")
    found = pinned(spark, small, DAY)
    kept = max(Path(small.project.environment.cache, "rows").glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
    for broken in ("no json", "[]", '{"1.csv|1|1": 3}'):
        kept.write_text(broken, encoding="utf-8")
        assert pinned(spark, small, DAY) == found


def test_json_lines_are_fingerprinted_by_their_rows_too(spark: SparkSession, small: SmallProject) -> None:
    folder = landed(small, kind="jsonl")
    line = '{{"day": "{day}", "id": {id}, "note": "x"}}\n'
    (folder / "1.jsonl").write_text(line.format(day=DAY, id=1), encoding="utf-8")
    before = pinned(spark, small, DAY)
    with (folder / "1.jsonl").open("a", encoding="utf-8") as file:
        file.write(line.format(day=DAYS[1], id=2))
    assert pinned(spark, small, DAY) == before
