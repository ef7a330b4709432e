"""`lakescore why`, `replay` and `views`: for auditors and analysts."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import lakescore
from jobs.cli import terminal
from jobs.cli.rendering.runs import show_replay
from jobs.cli.rendering.why import show_answer
from jobs.cli.result_file import print_json, write_file
from jobs.cli.verbs.options import AsJson, PipelineName, date_of, layout_of, project_of, session_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Engine(StrEnum):
    """The engines whose SQL the views can be written in."""

    SPARK = "spark"
    DUCKDB = "duckdb"


def replay(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="A run that was published.")],
    sample: Annotated[int | None, typer.Option(min=1, help="Compare so many of its rows only.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score a run again from its manifest, and compare each prediction with what it published.

    Exits with 1 where something of the run can no longer be had, and with 3 where a prediction differs.

    Example: `lakescore replay 20261122T210104-4afbeeb1`
    """
    project = project_of(None)
    spark = session_of(project)
    with terminal.working(f"{run_id}: scoring it again"):
        found = lakescore.replay_run(project, run_id, sample=sample, spark=spark)
    print_json(found.as_json()) if as_json else show_replay(found)
    if not found.is_equal:
        raise typer.Exit(1 if found.unavailable else 3)


def why(
    pipeline: PipelineName,
    key: Annotated[
        list[str], typer.Argument(metavar="KEY…", help="NAME=VALUE each, or values in the order of the key.")
    ],
    date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The slice. Default: the newest with that key.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only what the tables tell; starts no Spark, unless a catalog names them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell why a row has its prediction, or none: run, model, inputs, features, and what each of them added.

    Example: `lakescore why flight_delays 2013-07-01 UA 15 EWR`
    """
    day = None if date is None else date_of(date)
    project = project_of(pipeline)

    @cache  # it is asked for at each step that needs it
    def session() -> SparkSession:
        terminal.note(f"{pipeline}: reading the row's input again", quiet=as_json)
        return session_of(project)

    with terminal.working(f"{pipeline}: looking at the row"):
        answer = lakescore.why(project, pipeline, key, day, spark=session, quick=quick)
    print_json(answer.as_json()) if as_json else show_answer(answer)


def views(
    pipeline: PipelineName,
    dialect: Annotated[Engine, typer.Option(help="Whose SQL.")] = Engine.DUCKDB,
    output: Annotated[Path | None, typer.Option(help="Write into this file. Default: print.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the SQL of a pipeline's views: latest predictions, daily summary, quarantine by reason, and others.

    Example: `lakescore views flight_delays --output views.sql`
    """
    from pipelines.reports.view_queries import DIALECTS
    from pipelines.reports.views import views_script

    script = views_script(DIALECTS[dialect], *layout_of(project_of(pipeline), pipeline))
    if output is not None:
        write_file(output, script, "--output")
    if as_json:
        print_json({"dialect": dialect.value, "file": output and str(output), "sql": script})
    else:
        terminal.say(script if output is None else str(output))
