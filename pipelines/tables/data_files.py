"""The data files of a Delta table: which columns stand in them as the table has them, and where in them a row lies."""

from __future__ import annotations

from deltalake import DeltaTable
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import types as T

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


def with_positions(table: DataFrame) -> DataFrame | None:
    """The table, read so that it tells of each row its position in its file, as `_metadata.row_index`.

    Delta leaves that out of tables without deletion vectors, as a file of two thousand million rows in one row group
    could not be counted (SPARK-47731). Such a table is read by Spark's own Parquet reader, from the files that Delta
    lists. None where this Spark or Delta does it otherwise.

    Args:
        table: one Delta table as it is read, without a column mapping.
    """
    try:
        if _tells_positions(table):
            return table
        spark = table.sparkSession
        files = table._jdf.queryExecution().analyzed().collectLeaves().head().relation()
        if files.fileFormat().getClass().getSimpleName() != "DeltaParquetFileFormat":
            return None
        assert spark._jvm is not None  # noqa: S101 - there is one, as the table was read by it
        relation = files.copy(
            files.location(),
            files.partitionSchema(),
            files.dataSchema(),
            files.bucketSpec(),
            spark._jvm.org.apache.spark.sql.execution.datasources.parquet.ParquetFileFormat(),
            files.options(),
            files.sparkSession(),
        )
        positioned = DataFrame(spark._jsparkSession.baseRelationToDataFrame(relation), spark)
        return positioned if _tells_positions(positioned) else None
    except (PySparkException, Py4JError):
        return None


def _tells_positions(table: DataFrame) -> bool:
    metadata = table.select("_metadata").schema["_metadata"].dataType
    return isinstance(metadata, T.StructType) and "row_index" in metadata.fieldNames()
