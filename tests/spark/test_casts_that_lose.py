"""Casts on the way to the model: rows whose values they would change are refused, unless the pipeline says so."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from support.small_project import DAY, SmallProject

from pipelines.errors import ConfigurationError
from pipelines.expressions.casts import keeps
from pipelines.expressions.rendering import holds
from pipelines.expressions.rules import KeptByCasts
from pipelines.transforms.sql_casts import lossy_casts

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("compiled")]

KEPT: list[tuple[str, str, str, bool]] = [
    ("DOUBLE", "5.9", "INT", False),
    ("DOUBLE", "-5.0", "INT", True),
    ("DOUBLE", "1e10", "INT", False),
    ("DOUBLE", "1e10", "BIGINT", True),
    ("DOUBLE", "'NaN'", "INT", False),
    ("DOUBLE", "1e39", "FLOAT", False),
    ("DOUBLE", "0.1", "FLOAT", True),
    ("DOUBLE", "2", "BOOLEAN", False),
    ("DOUBLE", "0.125", "DECIMAL(10,2)", False),
    ("DOUBLE", "0.1", "DECIMAL(10,2)", True),
    ("DECIMAL(10,2)", "5.90", "INT", False),
    ("DECIMAL(10,2)", "5.00", "INT", True),
    ("DECIMAL(10,3)", "1.255", "DECIMAL(10,2)", False),
    ("BIGINT", "3000000000", "INT", False),
    ("BIGINT", "1", "BOOLEAN", True),
    ("STRING", "'12,50'", "DOUBLE", False),
    ("STRING", "'3.5%'", "DOUBLE", False),
    ("STRING", "'1,234'", "DOUBLE", False),
    ("STRING", "'12D'", "DOUBLE", False),
    ("STRING", "'1e400'", "DOUBLE", False),
    ("STRING", "' 12.5 '", "DOUBLE", True),
    ("STRING", "'nan'", "DOUBLE", True),
    ("STRING", "'1.255'", "DECIMAL(10,2)", False),
    ("STRING", "'5.9'", "INT", False),
    ("STRING", "'soon'", "DATE", False),
    ("STRING", "'2024-03-01'", "DATE", True),
    ("STRING", "NULL", "DOUBLE", True),
]


@pytest.mark.parametrize(("found", "value", "wanted", "expected"), KEPT)
def test_whether_a_cast_keeps_a_value(spark: SparkSession, found: str, value: str, wanted: str, expected: bool) -> None:
    frame = spark.sql(f"SELECT CAST({value} AS {found}) AS value")
    kept = keeps(F.col("value"), frame.schema[0].dataType, T.DataType.fromDDL(wanted))
    assert [row[0] for row in frame.select(kept).collect()] == [expected]


@pytest.fixture(scope="module")
def flats(spark: SparkSession) -> DataFrame:
    rows = [("12,50", 5.9, 1, [1.5]), ("7", 4.0, 0, [2.0]), (None, None, 1, None)]
    return spark.createDataFrame(rows, "price STRING, rooms DOUBLE, kind INT, parts ARRAY<DOUBLE>")


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("CAST(rooms AS INT)", [False, True, True]),
        ("rooms::int + 1", [False, True, True]),
        ("INT(rooms)", [False, True, True]),
        ("CAST(floor(rooms) AS INT)", None),
        ("CAST(kind AS DOUBLE)", None),
        ("TRY_CAST(price AS DOUBLE)", [False, True, True]),
        ("coalesce(TRY_CAST(price AS DOUBLE), 0.0)", [False, True, True]),
        ("try_to_number(price, '999')", [False, True, True]),
        ("CASE WHEN kind = 0 THEN CAST(rooms AS INT) ELSE 0 END", [True, True, True]),
        ("CASE WHEN kind = 1 THEN CAST(rooms AS INT) ELSE 0 END", [False, True, True]),
        ("CASE WHEN kind = 0 THEN 0 ELSE CAST(rooms AS INT) END", [False, True, True]),
        ("if(kind = 0, CAST(rooms AS INT), 0)", [True, True, True]),
        ("coalesce(kind, CAST(rooms AS INT))", [True, True, True]),
        ("CASE WHEN kind <> 1 THEN CAST(1 / (kind - 1) AS INT) ELSE 0 END", [True, True, True]),
        ("CAST(TRY_CAST(price AS DOUBLE) AS INT)", [False, True, True]),
        ("CAST(rooms AS INT) + TRY_CAST(price AS INT)", [False, True, True]),
    ],
)
def test_casts_within_an_expression_are_judged_where_they_are_computed(
    flats: DataFrame, sql: str, kept: list[bool] | None
) -> None:
    casts, unjudged = lossy_casts(flats, sql)
    assert unjudged == []
    if kept is None:
        assert casts == []
        return
    observed = flats.select(holds(KeptByCasts((), "never", tuple(casts)))).collect()
    assert [row[0] for row in observed] == kept


def test_a_cast_of_the_elements_of_an_array_is_told_as_out_of_reach(flats: DataFrame) -> None:
    casts, unjudged = lossy_casts(flats, "size(transform(parts, part -> CAST(part AS INT)))")
    assert (casts, unjudged) == ([], ["CAST(part AS INT)"])


def homes(*rooms: tuple[Any, Any]) -> pa.Table:
    rows = [
        {"day": DAY, "id": number, "rooms": one, "price": other, "channel": "web", "email": f"a@{number}"}
        for number, (one, other) in enumerate(rooms)
    ]
    fields = [("day", pa.date32()), ("id", pa.int64()), ("rooms", pa.float64()), ("price", pa.string())]
    return pa.Table.from_pylist(rows, schema=pa.schema([*fields, ("channel", pa.string()), ("email", pa.string())]))


@pytest.fixture
def flat_project(small: SmallProject) -> SmallProject:
    small.replace_orders(homes((5.9, "1.5"), (5.0, "12,50"), (None, "2"), (4.0, "12D"), (3.0, "3")))
    small.suite()
    small.configure(
        features={"amount": "TRY_CAST(price AS DOUBLE)", "quantity": "CAST(rooms AS BIGINT)", "is_web": "1"},
        limits={"quarantined_share": 1.0},
    )
    return small


def test_rows_whose_values_a_cast_would_change_are_refused(spark: SparkSession, flat_project: SmallProject) -> None:
    result = flat_project.score(spark)
    observed = {
        row["id"]: [(item["rule"], item["message"]) for item in row["reasons"]] for row in flat_project.quarantine()
    }
    assert (result.counts.input, result.counts.scored) == (5, 1)
    assert [row["id"] for row in flat_project.predictions()] == [4]
    rooms = "values that CAST(rooms AS BIGINT) keeps as they are"
    price = "values that TRY_CAST(price AS DOUBLE) keeps as they are"
    assert observed[0] == [("model_input:quantity", f"rooms is 5.9; expected {rooms}")]
    assert observed[1] == [("model_input:amount", f"price is 12,50; expected {price}")]
    assert observed[2] == [("model_input_not_null:quantity", "feature quantity is null; expected a value")]
    assert observed[3] == [("model_input:amount", f"price is 12D; expected {price}")]


def test_personal_columns_are_masked_in_these_reasons_too(spark: SparkSession, flat_project: SmallProject) -> None:
    flat_project.configure(personal=["price"])
    flat_project.score(spark)
    told = {item["message"].partition(";")[0] for row in flat_project.quarantine() for item in row["reasons"]}
    assert told == {"rooms is 5.9", "price is ***", "feature quantity is null"}


def test_a_pipeline_may_say_that_it_wants_what_the_cast_makes(spark: SparkSession, flat_project: SmallProject) -> None:
    flat_project.score(spark)
    flat_project.configure(policy={"checks": {"model_input:quantity": "warn", "model_input:amount": "warn"}})
    result = flat_project.score(spark)
    assert (result.outcome, result.counts.scored) == ("published", 3)  # the model itself raises on what is no number
    told = {check.check_id: check.unexpected_count for check in result.verdict.results}
    assert (told["model_input:quantity"], told["model_input:amount"]) == (1, 2)
    flat_project.configure(policy={"checks": {"model_input:quantty": "warn"}})
    with pytest.raises(ConfigurationError, match="did you mean 'model_input:quantity'"):
        flat_project.score(spark)


def test_limits_know_the_rules_that_casts_demand(spark: SparkSession, flat_project: SmallProject) -> None:
    flat_project.configure(limits={"quarantined_share": 1.0, "rules": {"model_input:quantity": {"rows": 1}}})
    assert flat_project.score(spark).counts.scored == 1
