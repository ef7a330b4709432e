"""What the configuration declares of a source, against what is there."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession
from support.small_project import SmallProject

from pipelines.diagnostics.checking import check_pipeline
from pipelines.errors import ConfigurationError, SourceError

pytestmark = pytest.mark.spark

COLUMNS = {
    "day": "date",
    "id": "bigint",
    "customer": "int",
    "amount": "double",
    "quantity": "int",
    "channel": "string",
    "email": "string",
    "note": "string",
}


def declare(small: SmallProject, columns: dict[str, str], **options: Any) -> None:
    table = {"path": "orders", "slice": {"column": "day"}, "columns": columns, **options}
    small.configure(source={"tables": {"orders": table}})


def test_a_table_as_declared_is_scored(spark: SparkSession, small: SmallProject) -> None:
    declare(small, COLUMNS, other_columns="refuse")
    assert small.score(spark).outcome == "published"


def test_all_differences_are_told_at_once_with_the_lines_to_paste(spark: SparkSession, small: SmallProject) -> None:
    small.features(quantity="quantities")
    declared = {**COLUMNS, "amount": "decimal(10,2)", "quantities": "int", "region": "string"}
    del declared["quantity"], declared["note"]
    declare(small, declared, other_columns="refuse")
    with pytest.raises(SourceError) as caught:
        check_pipeline(small.project, "orders", lambda: spark)
    text = str(caught.value)
    for told in (
        "orders.quantities: missing; it looks renamed to quantity",
        "orders.region: missing\n",
        "orders.amount: double, declared as decimal(10,2)",
        "orders.note: not declared",
        "and so: feature 'quantity' is no SQL over the source",
        "orders: columns: {day: date, id: bigint, customer: int, amount: double, quantity: int,",
    ):
        assert told in text
    assert small.states() == []


def test_other_columns_are_allowed_unless_refused(spark: SparkSession, small: SmallProject) -> None:
    declare(small, {"id": "bigint"})
    assert check_pipeline(small.project, "orders", lambda: spark).pipeline == "orders"
    declare(small, {"id": "bigint"}, other_columns="refuse")
    with pytest.raises(SourceError, match=r"orders\.customer: not declared"):
        check_pipeline(small.project, "orders", lambda: spark)


def test_a_type_that_is_none_is_told(spark: SparkSession, small: SmallProject) -> None:
    declare(small, {"id": "bigin"})
    with pytest.raises(ConfigurationError, match=r"source.tables.orders.columns.id: no SQL type"):
        small.score(spark)
