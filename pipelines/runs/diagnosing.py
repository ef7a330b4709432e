"""`lakescore doctor`: looks at all that a run rests on, and says what to mend before one fails on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from pyspark.sql import SparkSession

from pipelines.config import Pipeline, Project, load_pipeline
from pipelines.errors import PipelineError
from pipelines.runs.findings import Finding, attempt, ok, problem, warning
from pipelines.runs.layout import in_catalog
from pipelines.runs.machine import machine_findings, spark_finding
from pipelines.runs.preparation import look_up
from pipelines.runs.sources import source_location
from pipelines.runs.tables import require_tables
from pipelines.tables.readers import require_readable
from pipelines.tables.retention import days_kept


def diagnose(
    project: Project, names: Sequence[str], session: Callable[[], SparkSession] | None = None
) -> Iterator[Finding]:
    """Look at the machine, at Spark, and at each pipeline's configuration, model, tables and inputs; change nothing.

    Args:
        project: the configuration.
        names: the pipelines to look at.
        session: gives the Spark session; None to leave out what needs one.

    Yields:
        What was found, as soon as it is.
    """
    yield from machine_findings(project)
    if session is not None:
        yield spark_finding(session)
    for name in names:
        try:
            pipeline = load_pipeline(project, name)
        except PipelineError as error:
            yield problem(name, error.problem, error.remedy or error.expected or "")
            continue
        yield attempt(f"{name}: model", None, partial(_model, project, pipeline))
        if session is None and in_catalog(pipeline):
            yield warning(
                f"{name}: tables", "named in a catalog, which was not asked", "look with Spark: leave out --offline"
            )
            continue
        spark = session() if session is not None and in_catalog(pipeline) else None
        yield from _tables(spark, project, pipeline)
        yield from _inputs(spark, project, pipeline)


def _model(project: Project, pipeline: Pipeline) -> str:
    found = look_up(project, pipeline.model)
    return f"{found.name} version {found.version}"


def _tables(spark: SparkSession | None, project: Project, pipeline: Pipeline) -> Iterator[Finding]:
    """Whether the pipeline's tables are there, and whoever is declared to read them can."""
    what = f"{pipeline.name}: tables"
    try:
        layout = require_tables(spark, project, pipeline)
    except PipelineError as error:
        yield problem(what, error.problem, error.remedy or "")
        return
    readers = project.environment.readers
    for kind, location in {**layout.outputs(), "runs": layout.ledger.location}.items():
        yield attempt(
            f"{pipeline.name}: {kind}",
            f"read by {', '.join(readers)}",
            partial(require_readable, location, readers),
        )


def _inputs(spark: SparkSession | None, project: Project, pipeline: Pipeline) -> Iterator[Finding]:
    """Whether the inputs keep their versions for as long as the pipeline promises replays."""
    promised = pipeline.replay_days
    for name, source in pipeline.source.tables.items():
        what = f"{pipeline.name}: input {name}"
        if source.format != "delta":
            if promised:
                found = f"{source.format}: files that change cannot be read as they were"
                yield warning(what, found, "land it as a Delta table, or set replay_days: 0")
            continue
        place = source.path if source.path is not None else source.table
        try:
            location = source_location(spark, project, source)
            kept = days_kept(location)
        except Exception as error:  # delta-rs raises whatever the storage does
            yield problem(what, f"no Delta table at {place}: {error}", "land it, or mend the pipeline's source")
            continue
        short = {name: days for name, days in kept.items() if days < promised}
        if short:
            told = ", ".join(f"{name} is {days:g} days" for name, days in short.items())
            properties = ", ".join(f"'{name}' = 'interval {promised} days'" for name in short)
            yield warning(
                what,
                f"{told}; replay_days promises {promised}",
                f"ALTER TABLE delta.`{location}` SET TBLPROPERTIES ({properties}); or lower replay_days",
            )
        else:
            yield ok(what, f"keeps its versions for {min(kept.values()):g} days; {promised} promised")
