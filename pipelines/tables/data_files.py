"""The data files of a Delta table: which columns stand in them as the table has them, and where in them a row lies."""

from __future__ import annotations

from deltalake import DeltaTable
from pyspark.sql import DataFrame

from pipelines.tables.locations import for_delta_rs, local_path


def columns_in_files(location: str, version: int) -> frozenset[str]:
    """The columns that every reader of a table's Parquet files finds there, under their own names.

    None where the files are not on a file system, or the table maps its columns to other names; partition columns
    stand in the log only.
    """
    if local_path(location) is None:
        return frozenset()
    table = DeltaTable(for_delta_rs(location), version=version)
    about = table.metadata()
    if about.configuration.get("delta.columnMapping.mode", "none") != "none":
        return frozenset()
    return frozenset(field.name for field in table.schema().fields) - set(about.partition_columns)


def with_positions(table: DataFrame) -> DataFrame:
    """The same table, which tells of each row its position in its file, as `_metadata.row_index`.

    Delta leaves that out of tables without deletion vectors, as a file of two thousand million rows in one row group
    could not be counted (SPARK-47731). Such a table is read by Spark's own Parquet reader, from the files that Delta
    lists.

    Args:
        table: one Delta table as it is read, without a column mapping.
    """
    told = table.select("_metadata").schema["_metadata"].dataType
    if "row_index" in told.fieldNames():  # type: ignore[attr-defined]  # it is a struct
        return table
    spark = table.sparkSession
    files = table._jdf.queryExecution().analyzed().collectLeaves().head().relation()
    parquet = spark._jvm.org.apache.spark.sql.execution.datasources.parquet.ParquetFileFormat()  # type: ignore[union-attr]  # there is a JVM
    relation = files.copy(
        files.location(),
        files.partitionSchema(),
        files.dataSchema(),
        files.bucketSpec(),
        parquet,
        files.options(),
        files.sparkSession(),
    )
    return DataFrame(spark._jsparkSession.baseRelationToDataFrame(relation), spark)
