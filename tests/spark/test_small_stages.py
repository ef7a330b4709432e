"""A small stage is counted by Arrow: the numbers are those that Spark counts."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from pipelines import schemas
from pipelines.expressions.rules import Between, InSet, NotNull, Rule
from pipelines.transforms.staging import MODEL_RAISED
from pipelines.validation.compiling import Checks
from pipelines.validation.observing import tallies
from pipelines.validation.small_stages import count_rows_and_bits, look_at_rows, read_small
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
    frame = spark.createDataFrame(rows, SCHEMA)
    frame.selectExpr("*", "reasons IS NULL AS __kind").coalesce(2).write.partitionBy("__kind").parquet(str(folder))
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
    table = read_small(folder, key=KEY.names, outputs=OUTPUTS.names)
    assert table is not None
    found = {
        **count_rows_and_bits(table, checks.rules, checks.stage_rules),
        **look_at_rows(table, KEY.names, OUTPUTS.names),
    }
    assert found == by_spark(spark, folder, checks)
    assert found["rows"] == rows


@pytest.mark.parametrize("kind", ["double", "float", "array<int>", "struct<a: int>", "binary"])
def test_keys_that_arrow_may_tell_apart_otherwise_are_left_to_spark(
    spark: SparkSession, tmp_path: Path, kind: str
) -> None:
    rows = spark.createDataFrame(made(10, seed=1), SCHEMA).selectExpr("* EXCEPT (id)", f"CAST(NULL AS {kind}) AS id")
    rows.write.parquet(str(tmp_path / "rows"))
    assert read_small(tmp_path / "rows", key=KEY.names, outputs=OUTPUTS.names) is None


def test_without_a_file_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert read_small(tmp_path, key=KEY.names, outputs=OUTPUTS.names) is None
