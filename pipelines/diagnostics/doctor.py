"""`lakescore doctor`: looks at all that a run rests on, and says what to mend before one fails on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from pyspark.sql import SparkSession

from pipelines.config import Pipeline, Project, Source, load_pipeline
from pipelines.diagnostics.finding import Finding, attempt, failure, ok, problem, warning
from pipelines.diagnostics.machine import machine_findings, spark_finding
from pipelines.errors import PipelineError, root_cause
from pipelines.inputs.pinning import source_location
from pipelines.resolution.layout import outputs_in_catalog
from pipelines.resolution.resolved_run import look_up
from pipelines.runs.tables import require_tables
from pipelines.tables.readers import require_readable
from pipelines.tables.retention import days_kept

NOT_ASKED = "named in a catalog, which was not asked"


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
    spark, remedy = None, "look with Spark: leave out --offline"
    if session is not None:
        started = spark_finding(session)
        yield started
        if started.status == "problem":
            remedy = "mend Spark, then look again"
        else:
            spark = session()
    for name in names:
        try:
            pipeline = load_pipeline(project, name)
        except PipelineError as error:
            yield problem(name, error.problem, error.remedy or error.expected or "")
            continue
        yield attempt(f"{name}: model", None, partial(_model, project, pipeline))
        if spark is None and outputs_in_catalog(pipeline):
            yield warning(f"{name}: tables", NOT_ASKED, remedy)
        else:
            yield from _tables(spark, project, pipeline)
        for source_name, source in pipeline.source.tables.items():
            what = f"{name}: input {source_name}"
            if spark is None and source.table is not None:
                yield warning(what, NOT_ASKED, remedy)
            else:
                yield from _input(spark, project, source, what, pipeline.replay_days)


def _model(project: Project, pipeline: Pipeline) -> str:
    found = look_up(project, pipeline.model)
    return f"{found.name} version {found.version}"


def _tables(spark: SparkSession | None, project: Project, pipeline: Pipeline) -> Iterator[Finding]:
    """Whether the pipeline's tables are there, and whoever is declared to read them can."""
    what = f"{pipeline.name}: tables"
    try:
        layout = require_tables(spark, project, pipeline)
    except Exception as error:  # of a catalog that does not answer
        yield failure(what, error)
        return
    readers = project.environment.readers
    for kind, location in {**layout.outputs(), "runs": layout.ledger.location}.items():
        yield attempt(
            f"{pipeline.name}: {kind}",
            f"read by {', '.join(readers)}",
            partial(require_readable, location, readers),
        )


def _input(spark: SparkSession | None, project: Project, source: Source, what: str, promised: int) -> Iterator[Finding]:
    """Whether an input keeps its versions for as long as the pipeline promises replays, in days."""
    if source.format != "delta":
        if promised:
            found = f"{source.format}: files that change cannot be read as they were"
            yield warning(what, found, "land it as a Delta table, or set replay_days: 0")
        return
    place = source.path if source.path is not None else source.table
    mend = "land it, or mend the pipeline's source"
    try:
        location = source_location(spark, project, source)
        kept = days_kept(location)
    except PipelineError as error:
        yield problem(what, error.brief, error.remedy or mend)
        return
    except Exception as error:  # delta-rs raises whatever the storage does
        yield problem(what, f"no Delta table at {place}: {root_cause(error)}", mend)
        return
    short = {name: days for name, days in kept.items() if days < promised}
    if short:
        listed = ", ".join(f"{name} is {days:g} days" for name, days in short.items())
        properties = ", ".join(f"'{name}' = 'interval {promised} days'" for name in short)
        yield warning(
            what,
            f"{listed}; replay_days promises {promised}",
            f"ALTER TABLE delta.`{location}` SET TBLPROPERTIES ({properties}); or lower replay_days",
        )
    else:
        yield ok(what, f"keeps its versions for {min(kept.values()):g} days; {promised} promised")
