"""Creates, evolves and checks the tables of a pipeline; never done by a scoring write."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from pipelines import schemas
from pipelines.config import Pipeline, Project
from pipelines.config.places import table_names
from pipelines.errors import ConfigurationError, TableError
from pipelines.inputs.pinning import ANY_DAY
from pipelines.inputs.reading import read_now
from pipelines.passes.demands import needs_spark
from pipelines.resolution.definition import define
from pipelines.resolution.layout import Layout, ledger_of, locate
from pipelines.resolution.preparation import require_source_columns
from pipelines.tables.creation import create, differences, evolve
from pipelines.tables.locations import below, for_delta_rs, local_path
from pipelines.tables.readers import require_readable, require_readable_defaults
from pipelines.tables.slices import open_table

_PLAIN = re.compile(r"[A-Za-z0-9_]+")
"""Names that need no quotes."""
PARTITIONS = {"predictions": schemas.SLICE_COLUMNS, "quarantine": ("score_date",)}


@dataclass(frozen=True)
class TableChange:
    """What became of one table."""

    table: str
    location: str
    columns_added: tuple[str, ...] = ()


def create_tables(spark: SparkSession, project: Project, name: str) -> list[TableChange]:
    """Make a pipeline's tables and the warehouse's ledger where they are missing.

    Raises:
        PipelineError: the source cannot be read, or the warehouse cannot be written.
    """
    pipeline, wanted = _wanted(spark, project, name)
    require_readable_defaults(dict(spark.conf.getAll), project.environment.readers)
    ledger_of(project).create()
    for kind, table in table_names(pipeline).items():
        create(
            spark,
            wanted[kind],
            partitions=PARTITIONS[kind],
            statistics=_statistics(pipeline, wanted[kind]),
            location=below(project.environment.warehouse, table.path) if table.path is not None else None,
            name=table.table,
            comment=f"{kind} of the pipeline {pipeline.name}",
        )
    layout = locate(spark, project, pipeline)
    return [TableChange(kind, getattr(layout, kind)) for kind in wanted] + [TableChange("runs", layout.ledger.location)]


def evolve_tables(spark: SparkSession, project: Project, name: str) -> list[TableChange]:
    """Add the columns that the configuration wants and the pipeline's tables lack.

    Raises:
        TableError: a column would change its type.
    """
    pipeline, wanted = _wanted(spark, project, name)
    layout = require_tables(spark, project, pipeline)
    for location in layout.outputs().values():
        require_readable(location, project.environment.readers)
    return [
        TableChange(kind, getattr(layout, kind), tuple(evolve(spark, getattr(layout, kind), schema)))
        for kind, schema in wanted.items()
    ]


def require_tables(spark: SparkSession | None, project: Project, pipeline: Pipeline) -> Layout:
    """Where the pipeline's tables are, once all of them are there.

    Args:
        spark: the session, which only tables with names need.
        project: the configuration.
        pipeline: whose tables.

    Raises:
        TableError: one is missing.
    """
    layout = locate(spark, project, pipeline)
    _require_existing(layout, pipeline.name)
    return layout


def require_telling_empty(layout: Layout, pipeline: Pipeline) -> None:
    """Check that the predictions table can tell an empty slice from a missing one, where the pipeline accepts such.

    Raises:
        ConfigurationError: Spark has to write it, whose commits carry one transaction: that of the attempt.
    """
    if not pipeline.accepts_empty:
        return
    reason = needs_spark(layout.predictions, open_table(layout.predictions), schemas.SLICE_COLUMNS)
    if reason is not None:
        raise ConfigurationError(
            f"`empty: accept` cannot be had: the table at {layout.predictions} cannot tell an empty slice from a "
            "missing one",
            expected="a table on a local disk, without constraints, features or properties that only Spark keeps to",
            found=reason,
            remedy=f"leave `empty` out of {pipeline.name}.yaml",
        )


def _require_existing(layout: Layout, name: str) -> None:
    for location in (layout.predictions, layout.quarantine, layout.ledger.location):
        folder = local_path(location)
        log = folder and folder / "_delta_log"
        if not (log.is_dir() if log else DeltaTable.is_deltatable(for_delta_rs(location))):
            raise TableError(
                f"the tables of '{name}' are not there yet",
                expected=f"a Delta table at {location}",
                remedy=f"create them: lakescore tables create {name}",
            )


def lacks_output(pipeline: str, output: str) -> str:
    """What is said of an output that the configuration names and the table does not have yet.

    >>> lacks_output("orders", "score")
    "output 'score': the table of predictions lacks it; lakescore tables evolve orders adds it"
    """
    return f"output '{output}': the table of predictions lacks it; lakescore tables evolve {pipeline} adds it"


def require_columns(layout: Layout, key: Sequence[T.StructField], pipeline: Pipeline) -> None:
    """Check that predictions and quarantine have the columns that the run would write.

    Raises:
        TableError: a column is missing or has another type.
    """
    for kind, wanted in _schemas(key, pipeline).items():
        location = getattr(layout, kind)
        found = T.StructType.fromJson(json.loads(DeltaTable(for_delta_rs(location)).schema().to_json()))
        missing, retyped = differences(found, wanted)
        if missing or retyped:
            lacks = [f"{field.name}: missing" for field in missing]
            raise TableError(
                f"the table at {location} does not fit the configuration",
                expected=wanted.simpleString(),
                found="; ".join(lacks + retyped),
                remedy=f"add what is missing: lakescore tables evolve {pipeline.name}"
                if not retyped
                else "give the output another name, or write to another table",
            )


def _wanted(spark: SparkSession, project: Project, name: str) -> tuple[Pipeline, dict[str, T.StructType]]:
    """The pipeline, and the schemas of its tables: the key's types are the source's."""
    definition = define(project, name)
    pipeline = definition.pipeline
    frame = read_now(spark, project, pipeline, definition.query, ANY_DAY)
    require_source_columns(frame, pipeline.key, f"pipeline '{name}', key")
    return pipeline, _schemas([frame.schema[column] for column in pipeline.key], pipeline)


def _schemas(key: Sequence[T.StructField], pipeline: Pipeline) -> dict[str, T.StructType]:
    outputs = {name: output.type for name, output in pipeline.outputs.items()}
    return {"predictions": schemas.predictions(key, outputs), "quarantine": schemas.quarantine(key)}


def _statistics(pipeline: Pipeline, schema: T.StructType) -> list[str]:
    """The columns whose bounds may stand in the log: none that is personal, as logs outlive deletions.

    Nor any whose name must be quoted: the table's property lists names, and not every reader of it knows quotes.
    """
    simple = (T.NumericType, T.StringType, T.DateType, T.TimestampType)
    kept = [field.name for field in schema if isinstance(field.dataType, simple)]
    aside = {*pipeline.personal, *schemas.SLICE_COLUMNS, "row"}
    return [name for name in kept if name not in aside and _PLAIN.fullmatch(name)]
