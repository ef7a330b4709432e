"""Creates and evolves the tables of a pipeline, apart from any scoring."""

from __future__ import annotations

from collections.abc import Sequence

from delta.tables import DeltaTable
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from pipelines.errors import TableError, root_cause
from pipelines.expressions.names import quoted
from pipelines.tables.locations import local_path
from pipelines.tables.locking import table_lock

STATISTICS = "delta.dataSkippingStatsColumns"
"""The property of a table that lists the columns whose least and greatest values may stand in the log."""


def create(
    spark: SparkSession,
    schema: T.StructType,
    *,
    partitions: Sequence[str],
    statistics: Sequence[str],
    location: str | None = None,
    name: str | None = None,
    comment: str = "",
) -> None:
    """Make a plain Delta table where it is missing: without deletion vectors or column mapping, every reader reads it.

    Args:
        spark: the session.
        schema: its columns.
        partitions: the columns that it is partitioned by.
        statistics: the columns whose least and greatest values may stand in the log; no personal ones.
        location: its folder, or None for one that the catalog chooses.
        name: its name in the catalog, or None for a table that is only a folder.
        comment: what it holds.

    Raises:
        TableError: it cannot be written there.
    """
    builder = (
        DeltaTable.createIfNotExists(spark)
        .addColumns(schema)
        .partitionedBy(*partitions)
        .comment(comment)
        .property("delta.enableDeletionVectors", "false")
        .property(STATISTICS, ",".join(statistics))
    )
    builder = builder.location(location) if location is not None else builder
    builder = builder.tableName(name) if name is not None else builder
    where = location or name or ""
    try:
        if location is None:
            builder.execute()
            return
        folder = local_path(location)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        with table_lock(location):
            builder.execute()
    except (OSError, PySparkException) as error:
        raise TableError(
            f"the table at {where} cannot be created",
            expected="a place that this user may write to",
            found=root_cause(error),
            remedy="mend the environment's 'warehouse' or its permissions",
        ) from error


def location_of(spark: SparkSession, name: str) -> str:
    """The folder of a table of the catalog.

    Raises:
        TableError: the catalog has no such Delta table.
    """
    try:
        return str(spark.sql(f"DESCRIBE DETAIL {_qualified(name)}").first()["location"])  # type: ignore[index]
    except PySparkException as error:
        raise TableError(
            f"the catalog has no Delta table '{name}'",
            expected="an existing table",
            found=root_cause(error),
            remedy="create it: lakescore tables create; or mend its name in the configuration",
        ) from error


def differences(found: T.StructType, wanted: T.StructType) -> tuple[list[T.StructField], list[str]]:
    """The columns that a table lacks, and those that it has with another type, in words."""
    types = {field.name.lower(): field.dataType for field in found}
    missing = [field for field in wanted if field.name.lower() not in types]
    retyped = [
        f"{field.name}: {types[field.name.lower()].simpleString()} in the table, {field.dataType.simpleString()} wanted"
        for field in wanted
        if field.name.lower() in types and types[field.name.lower()] != field.dataType
    ]
    return missing, retyped


def evolve(spark: SparkSession, location: str, wanted: T.StructType) -> list[str]:
    """Add the columns that the table lacks; returns their names.

    Raises:
        TableError: a column has another type than is wanted: that would take rewriting the table.
    """
    missing, retyped = differences(spark.read.format("delta").load(location).schema, wanted)
    if retyped:
        raise TableError(
            f"the table at {location} cannot be evolved: columns would change their type",
            expected="only new columns",
            found="; ".join(retyped),
            remedy="give the output another name, or write to another table",
        )
    if missing:
        columns = ", ".join(f"{quoted(field.name)} {field.dataType.simpleString()}" for field in missing)
        with table_lock(location):
            spark.sql(f"ALTER TABLE delta.{quoted(location)} ADD COLUMNS ({columns})")
    return [field.name for field in missing]


def _qualified(name: str) -> str:
    return ".".join(quoted(part) for part in name.split("."))
