"""Views over the tables for whoever asks in SQL: in a session, in a catalog, or as a file."""

from __future__ import annotations

import pyarrow as pa
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from pipelines.config import Pipeline, Project, load_pipeline
from pipelines.config.places import table_names
from pipelines.reports.view_queries import SPARK, TABLES, Dialect, Subject, as_script, view_queries
from pipelines.resolution.layout import Layout
from pipelines.runs.tables import require_tables
from pipelines.tables.locations import for_delta_rs


def create_views(spark: SparkSession, project: Project, pipeline_name: str) -> list[str]:
    """Make a pipeline's views in this session.

    Returns:
        Their names; `view_queries.VIEWS` has them.
    """
    pipeline = load_pipeline(project, pipeline_name)
    queries = view_queries(SPARK, _subject(pipeline, require_tables(spark, project, pipeline)))
    for name, query in queries.items():
        spark.sql(f"{SPARK.begin.format(name=name)} {query}")
    return list(queries)


def create_catalog_views(spark: SparkSession, project: Project, pipeline_name: str) -> list[str]:
    """Make a pipeline's views beside its predictions where these are in a catalog; elsewhere there is nothing to do.

    Returns:
        Their names: the pipeline's and the view's, such as `sales.orders_daily_summary`.
    """
    pipeline = load_pipeline(project, pipeline_name)
    table = table_names(pipeline)["predictions"].table
    if table is None:
        return []
    schema = table.rpartition(".")[0]
    queries = view_queries(SPARK, _subject(pipeline, require_tables(spark, project, pipeline)))
    made = []
    for name, query in queries.items():
        if name not in TABLES or name == "runs":  # the catalog has the others as tables
            view = ".".join(filter(None, (schema, f"{pipeline.name}_{name}")))
            spark.sql(f"CREATE OR REPLACE VIEW {view} AS {query}")
            made.append(view)
    return made


def views_script(dialect: Dialect, pipeline: Pipeline, layout: Layout) -> str:
    """A file of SQL that makes a pipeline's views in an engine."""
    return as_script(dialect, _subject(pipeline, layout))


def _subject(pipeline: Pipeline, layout: Layout) -> Subject:
    slice_ = pipeline.source.tables[pipeline.main_source].slice
    day = None if slice_ is None or slice_.column is None else pipeline.name_in_tables(slice_.column)
    if day is not None and (day not in pipeline.key or not _is_date(layout.predictions, day)):
        day = None  # a time tells more than which day's row it is
    return Subject(
        pipeline=pipeline.name,
        runs=layout.ledger.location,
        predictions=layout.predictions,
        quarantine=layout.quarantine,
        identity=[name for name in pipeline.key if name != day] or pipeline.key,
        outputs={name: output.type for name, output in pipeline.outputs.items()},
    )


def _is_date(table: str, name: str) -> bool:
    """Whether a table's column is a date."""
    return bool(pa.types.is_date(pa.schema(DeltaTable(for_delta_rs(table)).schema()).field(name).type))
