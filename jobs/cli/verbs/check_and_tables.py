"""`lakescore check`, `lakescore tables` and `lakescore schema`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

import lakescore
from jobs.cli import terminal
from jobs.cli.rendering.tables import show_reports, show_tables
from jobs.cli.result_file import print_json
from jobs.cli.verbs.options import AsJson, SomePipeline, pipelines_of, project_of, session_of
from pipelines.errors import PipelineError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from pipelines.config import Project
    from pipelines.runs.tables import TableChange

    Change = Callable[[SparkSession, Project, str], list[TableChange]]

tables = typer.Typer(name="tables", help="Create and evolve the tables that scoring writes to.")


def check(
    pipeline: SomePipeline = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Look at files only, not at registry and sources; starts no Spark.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check configuration, suite, sources and model, but read no row.

    Example: `lakescore check flight_delays`
    """
    project = project_of(pipeline)
    names = pipelines_of(project, pipeline)
    if not names:
        raise UsageError("there is no pipeline to check", expected=f"a YAML file in {project.conf / 'pipelines'}")
    reports, errors = [], []
    for name in names:
        try:
            with terminal.working(f"{name}: checking"):
                reports.append(lakescore.check(project, name, offline=offline, spark=partial(session_of, project)))
        except PipelineError as error:
            errors.append((name, error))
    if as_json:
        ok = [{**asdict(report), "ok": True} for report in reports]
        print_json(ok + [{"pipeline": name, "ok": False, "error": str(wrong)} for name, wrong in errors])
    else:
        show_reports(reports)
        for name, wrong in errors:
            terminal.show_error(f"{name}: {wrong}")
    if errors:
        raise typer.Exit(max(wrong.exit_code for _, wrong in errors))


@tables.command("create")
def create_tables(pipeline: SomePipeline = None, as_json: AsJson = False) -> None:
    """Make the tables of one pipeline, or of all; those that are there stay as they are.

    Example: `lakescore tables create flight_delays`
    """
    from pipelines.runs.tables import create_tables as create

    _change_tables(create, pipeline, as_json)


@tables.command("evolve")
def evolve_tables(pipeline: SomePipeline = None, as_json: AsJson = False) -> None:
    """Add the columns that tables lack.

    Example: `lakescore tables evolve flight_delays`
    """
    from pipelines.runs.tables import evolve_tables as evolve

    _change_tables(evolve, pipeline, as_json)


def schema(as_json: AsJson = False) -> None:
    """Write the JSON Schema of the configuration to conf/schema, for editors.

    Example: `lakescore schema`
    """
    from pipelines.config.schema import write_schemas

    files = [str(file) for file in write_schemas(project_of(None).conf / "schema")]
    if as_json:
        print_json({"files": files})
        return
    for file in files:
        terminal.say(file)


def _change_tables(change: Change, pipeline: str | None, as_json: bool) -> None:
    from pipelines.reports.views import create_catalog_views

    project = project_of(pipeline)
    spark = session_of(project)
    names = pipelines_of(project, pipeline)
    with terminal.working("looking after the tables"):
        changes = [item for name in names for item in change(spark, project, name)]
        views = [view for name in names for view in create_catalog_views(spark, project, name)]
    if as_json:
        print_json({"tables": [vars(item) for item in changes], "views": views})
        return
    show_tables(changes)
    for view in views:
        terminal.say(f"{'view':<12}{view}")
