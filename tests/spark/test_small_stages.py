"""A small stage is counted by Arrow: the numbers are those that Spark counts."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import types as T
from support.faults.at_steps import BrokenOffError, broken_off
from support.small_project import DAYS, PIPELINE, ROWS, SUITE, SmallProject

from pipelines import schemas
from pipelines.expressions.rules import Between, InSet, NotNull, Rule
from pipelines.passes import staging, tallying
from pipelines.runs.scoring import score_days
from pipelines.transforms.staging import KIND, MODEL_RAISED, REFUSED_KIND, SCORED
from pipelines.validation import small_stages
from pipelines.validation.compiling import Checks
from pipelines.validation.observing import tallies
from pipelines.validation.small_stages import (
    are_told_apart,
    count_rows_and_bits,
    look_at_rows,
    read_bits,
    read_kinds,
)
from pipelines.validation.stage import own_aggregates

pytestmark = pytest.mark.spark

RULES = (
    *(Rule(f"given_{number}", NotNull(f"c{number}")) for number in range(40)),
    *(Rule(f"within_{number}", Between(f"c{number}", 0, 1), condition="c1 > 0") for number in range(30)),
)
LATER = (Rule("later", InSet("c0", ("a",)), condition="c2 > 0"),)
KEY = T.StructType(
    [
        T.StructField("id", T.LongType()),
        T.StructField("at", T.TimestampType()),
        T.StructField("day", T.DateType()),
        T.StructField("name", T.StringType()),
        T.StructField("exact", T.DecimalType(38, 3)),
        T.StructField("local", T.TimestampNTZType()),
        T.StructField("is_new", T.BooleanType()),
        T.StructField(".id", T.ShortType()),
    ]
)
OUTPUTS = T.StructType(
    [
        T.StructField("p", T.DoubleType()),
        T.StructField("f", T.FloatType()),
        T.StructField("n", T.ByteType()),
        T.StructField("d", T.DecimalType(30, 10)),
        T.StructField("label", T.StringType()),
        T.StructField("sure", T.BooleanType()),
        T.StructField("until", T.DateType()),
        T.StructField("when", T.TimestampType()),
        T.StructField("parts", T.ArrayType(T.DoubleType())),
        T.StructField("more", T.MapType(T.StringType(), T.LongType())),
    ]
)
BITS = [f"mask_{word}" for word in range(2)] + ["absent_0"]
SCHEMA = T.StructType(
    [
        *KEY,
        *(T.StructField(name, T.LongType(), False) for name in BITS),
        *OUTPUTS,
        T.StructField("reasons", schemas.reasons()),
        T.StructField("row", T.StringType()),
    ]
)
VALUES: dict[str, list[Any]] = {
    "p": [None, float("nan"), float("inf"), float("-inf"), -0.0, 0.0, 1e-320, 0.1],
    "f": [None, float("nan"), 0.1, -3.5],
    "n": [None, -128, 127, 0],
    "d": [None, Decimal("12345678901234567890.0123456789"), Decimal("-0.0000000001")],
    "label": [None, "", "a", "é\u2028"],
    "sure": [None, True, False],
    "until": [None, dt.date(1, 1, 1)],
    "when": [None, dt.datetime(9999, 12, 31, tzinfo=dt.UTC)],
    "parts": [None, [], [None], [0.5]],
    "more": [None, {}, {"a": None}],
}


def made(rows: int, *, seed: int) -> list[tuple[Any, ...]]:
    """Staged rows of all kinds, with keys that are twice there."""
    pick = random.Random(seed)
    times = [None, *(dt.datetime(year, 2, 3, 4, 5, 6, 789_012, dt.UTC) for year in (1, 1677, 1970, 2263, 9999))]
    found = []
    for _ in range(rows):
        key = (
            pick.choice([None, pick.randrange(3), -(2**63)]),
            pick.choice(times),
            pick.choice([None, dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
            pick.choice([None, "", "a", "A", "\u00e9", "e\u0301"]),
            pick.choice([None, Decimal("1.000"), Decimal("-99999999999999999999999999999999999.999")]),
            pick.choice([None, dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999)]),
            pick.choice([None, True, False]),
            pick.choice([None, -1]),
        )
        bits = (pick.getrandbits(63), pick.getrandbits(7), pick.getrandbits(4))
        kind = pick.choice(["scored", "scored", "refused", "raised"])
        outputs = [pick.choice(VALUES[field.name]) if kind == "scored" else None for field in OUTPUTS]
        told = (
            (MODEL_RAISED, "", pick.choice(["boom", "Boom", "\u00e9", None])) if kind == "raised" else ("r", "c", "m")
        )
        found.append((*key, *bits, *outputs, None if kind == "scored" else [told, ("r", "c", "zz")], None))
    return found


def written(spark: SparkSession, rows: list[tuple[Any, ...]], folder: Path) -> Path:
    """Rows as a stage has them: in files of scored and of refused rows."""
    kind = f"IF(reasons IS NULL, '{SCORED}', '{REFUSED_KIND}') AS {KIND}"
    frame = spark.createDataFrame(rows, SCHEMA).selectExpr("*", kind)
    frame.coalesce(2).write.partitionBy(KIND).parquet(str(folder))
    return folder


def by_spark(spark: SparkSession, folder: Path, checks: Checks) -> dict[str, Any]:
    """The numbers as a larger stage's are counted."""
    rows = spark.read.schema(SCHEMA).option("recursiveFileLookup", "true").parquet(str(folder))
    asked = own_aggregates(KEY.names, OUTPUTS, checks)
    row = rows.agg(*tallies(checks.rules, checks.stage_rules), *asked.values()).first()
    assert row is not None
    return row.asDict()


@pytest.mark.parametrize("rows", [1, 2, 40, 3000])
def test_arrow_counts_what_spark_counts(spark: SparkSession, tmp_path: Path, rows: int) -> None:
    checks = Checks(rules=RULES, stage_rules=LATER)
    folder = written(spark, made(rows, seed=rows), tmp_path / "rows")
    bits, kinds = read_bits(folder), read_kinds(folder, KEY.names, OUTPUTS.names)
    assert bits is not None
    assert kinds is not None
    found = {
        **count_rows_and_bits(bits, checks.rules, checks.stage_rules),
        **look_at_rows(*kinds, KEY.names, OUTPUTS.names),
    }
    assert found == by_spark(spark, folder, checks)
    assert found["rows"] == rows


@pytest.mark.parametrize(
    "kind", [T.DoubleType(), T.FloatType(), T.ArrayType(T.LongType()), T.BinaryType(), T.StringType("UTF8_LCASE")]
)
def test_keys_that_arrow_may_tell_apart_otherwise_are_left_to_spark(kind: T.DataType) -> None:
    assert are_told_apart(list(KEY))
    assert not are_told_apart([*KEY, T.StructField("more", kind)])


def test_what_is_large_is_left_to_spark(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(spark, made(40, seed=1), tmp_path / "rows")
    monkeypatch.setattr(small_stages, "MOST_REFUSED", 3)
    assert read_kinds(folder, KEY.names, OUTPUTS.names) is None
    monkeypatch.setattr(small_stages, "MOST_ROWS", 39)
    assert read_bits(folder) is None


def test_without_a_file_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert read_bits(tmp_path) is None
    assert read_kinds(tmp_path, KEY.names, OUTPUTS.names) is None


def test_a_pass_counts_the_same_by_arrow_and_by_spark(
    spark: SparkSession, new_project: Callable[[], SmallProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[dict[dt.date, Any]] = []
    for most in (small_stages.MOST_BYTES, -1):
        small = new_project()
        small.remove(DAYS[2])
        small.suite(*SUITE[:-1])
        small.configure(empty="accept")
        monkeypatch.setattr(tallying, "MOST_BYTES", most)
        found: list[Any] = []
        tally = tallying.tally

        def noted(*given: Any, tally: Any = tally, found: list[Any] = found) -> Any:
            found.append(tally(*given))
            return found[-1]

        with monkeypatch.context() as patch:
            patch.setattr(staging, "tally", noted)
            ended = score_days(spark, small.project, "orders", DAYS)
        assert [one.result().outcome for one in ended] == ["published"] * 3
        (tallied,) = found
        counted.append({one.score_date: tallied[one.result().run_id] for one in ended})
    by_arrow, by_spark = counted
    assert by_arrow == by_spark
    assert by_arrow[DAYS[0]].numbers["rows"] == ROWS
    assert by_arrow[DAYS[0]].look["keys"] == ROWS
    assert by_arrow[DAYS[2]].look["keys"] == 0


def test_a_small_stage_is_counted_without_a_job_of_spark(
    spark: SparkSession, small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallying, "_tallied_by_spark", None)
    assert small.score(spark).outcome == "published"


def test_a_stage_is_judged_by_the_names_of_its_outputs(spark: SparkSession, small: SmallProject) -> None:
    first, second = PIPELINE["outputs"].items()
    with pytest.raises(BrokenOffError):
        small.score(spark, progress=broken_off("audit"))
    small.configure(outputs=dict([second, first]))
    result = small.score(spark)
    assert result.outcome == "published"
    ranges = {check.check_id for check in result.verdict.results if check.check_id.endswith(":in_range")}
    assert ranges == {"audit:probability:in_range"}
    (greatest,) = [check.observed for check in result.verdict.results if check.check_id == "audit:probability:in_range"]
    assert greatest is not None
    assert 0 < greatest < 1
