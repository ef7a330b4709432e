"""Features: by SQL and by a Python function, cast to what the model takes; and the columns that they need."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from support.small_project import PIPELINE, SmallProject, without_run

from pipelines.errors import SourceError
from pipelines.expressions.rules import FEATURES
from pipelines.transforms.features import columns_used, expression_types, with_expressions, with_function

pytestmark = pytest.mark.spark

DERIVE = """
from pyspark.sql import functions as F


def derive(frame):
    return frame.select(
        "*",
        F.coalesce("amount", F.lit(0.0)).alias("amount_or_none"),
        (F.col("channel") == "web").cast("int").alias("is_web"),
    ).drop("amount").withColumnRenamed("amount_or_none", "amount")
"""


@pytest.fixture
def frame(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([(1, 2.5, "a"), (2, None, None)], "id INT, `an amount` DOUBLE, text STRING")


def test_features_stand_in_one_struct_in_order_and_cast(frame: DataFrame) -> None:
    features = {"twice": "id * 2", "size": "length(text)", "unused": "1"}
    types = {"size": T.LongType(), "twice": T.DoubleType()}
    derived = with_expressions(frame, features, types)
    struct = derived.schema[FEATURES].dataType
    assert derived.columns == [*frame.columns, FEATURES]
    assert isinstance(struct, T.StructType)
    assert [(field.name, field.dataType) for field in struct] == list(types.items())
    assert [tuple(row[FEATURES]) for row in derived.orderBy("id").collect()] == [(1, 2.0), (None, 4.0)]


def test_a_function_adds_features_and_what_was_read_stays(frame: DataFrame) -> None:
    derived = with_function(frame, lambda read: read.withColumn("twice", F.col("id") * 2), {"twice": T.DoubleType()})
    assert derived.columns == [*frame.columns, FEATURES]
    assert [row[FEATURES].twice for row in derived.orderBy("id").collect()] == [2.0, 4.0]


def test_types_of_expressions_are_those_before_the_cast(frame: DataFrame) -> None:
    observed = expression_types(frame, {"a": "id", "b": "`an amount` / 2", "c": "text", "d": "NULL"})
    assert observed == {"a": T.IntegerType(), "b": T.DoubleType(), "c": T.StringType(), "d": T.NullType()}


@pytest.mark.parametrize(
    ("expressions", "expected"),
    [
        (["id + 1"], {"id"}),
        (["`an amount`", "upper(text)"], {"an amount", "text"}),
        (["1"], set()),
        ([], set()),
        (["ID"], {"id"}),
        (["CASE WHEN id > 1 THEN text END"], {"id", "text"}),
        (["transform(array(id), x -> x + 1)"], {"id"}),
    ],
)
def test_columns_used_are_those_that_the_expressions_name(
    frame: DataFrame, expressions: list[str], expected: set[str]
) -> None:
    assert columns_used(frame, expressions) == expected


def write_function(small: SmallProject, name: str, text: str) -> None:
    (small.root / f"{name}.py").write_text(text)
    small.configure(features={"function": f"{name}:derive"})


def test_a_feature_function_scores_as_the_expressions_do(
    spark: SparkSession, small: SmallProject, scored: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(small.root))
    text = DERIVE.replace('.drop("amount").withColumnRenamed("amount_or_none", "amount")', "")
    write_function(small, "orders_features", text.replace('"amount_or_none"', '"filled"'))
    small.configure(model=PIPELINE["model"])
    # The function may add features, not replace a column that was read: so the model's `amount` is the source's own.
    small.suite(
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "amount"}, "meta": {"check_id": "amount"}},
        {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": "channel"},
            "meta": {"check_id": "channel"},
        },
    )
    result = small.score(spark)
    expected = {row["id"]: row["probability"] for row in scored.predictions()}
    observed = {row["id"]: row["probability"] for row in small.predictions()}
    assert result.outcome == "published"
    common = [number for number in observed if number in expected]
    assert len(common) > 25
    assert [observed[number] for number in common] == [expected[number] for number in common]


def test_a_function_that_drops_a_column_is_told_so(
    spark: SparkSession, small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(small.root))
    write_function(small, "dropping_features", "def derive(frame):\n    return frame.drop('note')\n")
    with pytest.raises(SourceError, match="must return every column") as caught:
        small.score(spark)
    assert "note" in str(caught.value)


def test_another_source_text_of_the_function_makes_the_slice_run_again(
    spark: SparkSession, small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib
    import sys

    monkeypatch.syspath_prepend(str(small.root))
    text = "def derive(frame):\n    return frame.selectExpr('*', 'CAST(1 AS INT) AS is_web')\n"
    small.suite({"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "amount"}, "meta": {}})
    write_function(small, "changing_features", text)
    small.score(spark)
    assert small.score(spark).outcome == "already_done"
    write_function(small, "changing_features", text.replace("AS is_web", "AS is_web  "))
    del sys.modules["changing_features"]
    importlib.invalidate_caches()
    assert small.score(spark).outcome == "published"
    assert without_run(small.predictions())
