"""What verbs share: their options, the project, the session, and how machines are answered."""

from __future__ import annotations

import datetime as dt
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import lakescore.opening
from jobs.cli import terminal
from jobs.cli.settings import Settings
from pipelines.errors import PipelineError, UsageError, did_you_mean

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from pipelines.config import Pipeline, Project
    from pipelines.resolution.layout import Layout


def complete_pipelines(incomplete: str) -> list[str]:
    """The pipelines that begin so, for the shell's completion; none where the configuration cannot be read."""
    from pipelines.config import load_project, pipeline_names

    try:
        names = pipeline_names(load_project(Settings.conf, Settings.environment))
    except PipelineError:
        return []
    return [name for name in names if name.startswith(incomplete)]


PipelineName = Annotated[
    str, typer.Argument(metavar="PIPELINE", help="A pipeline in conf/pipelines.", autocompletion=complete_pipelines)
]
SomePipeline = Annotated[
    str | None,
    typer.Argument(
        metavar="[PIPELINE]", help="A pipeline; all where none is named.", autocompletion=complete_pipelines
    ),
]
ScoreDate = Annotated[str, typer.Option("--date", metavar="YYYY-MM-DD", help="The day, in the pipeline's time zone.")]
FirstDate = Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day of the period.")]
LastDate = Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="The last day of the period.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def _remember(file: Path | None) -> Path | None:
    Settings.result_file = file
    return file


ResultFile = Annotated[
    Path | None,
    typer.Option(callback=_remember, help="Also write the result, or the error, as JSON into this file."),
]


def project_of(pipeline: str | None) -> Project:
    """The project; with a pipeline's name, only once there is such a pipeline: that costs no start of Spark."""
    from pipelines.config import load_project, pipeline_names

    project = load_project(Settings.conf, Settings.environment)
    names = pipeline_names(project)
    if pipeline is not None and pipeline not in names:
        raise UsageError(f"there is no pipeline '{pipeline}'", remedy=did_you_mean(pipeline, names))
    return project


def pipelines_of(project: Project, pipeline: str | None) -> list[str]:
    """The pipeline that was named, or else all of them."""
    from pipelines.config import pipeline_names

    return [pipeline] if pipeline else pipeline_names(project)


def session_of(project: Project) -> SparkSession:
    """The Spark session; a terminal shows that it starts."""
    from pyspark.sql import SparkSession

    from pipelines.spark import start

    is_there = SparkSession.getActiveSession() is not None
    with nullcontext() if is_there else terminal.working("starting Spark"):
        return start(project.environment.spark)


def layout_of(project: Project, name: str) -> tuple[Pipeline, Layout]:
    """A pipeline and its tables; Spark is started only where a catalog must be asked for them."""
    return lakescore.opening.layout_of(project, name, lambda: session_of(project))


def date_of(text: str, option: str = "--date") -> dt.date:
    """The date that an option gives."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option}: this is no date", expected="YYYY-MM-DD, such as 2013-07-01", found=text) from error


def period_of(first: str, last: str) -> tuple[dt.date, dt.date]:
    """The two dates that --from and --to give."""
    begin, end = date_of(first, "--from"), date_of(last, "--to")
    if end < begin:
        raise UsageError("--to is before --from", expected="a period that ends after it begins", found=f"{begin} {end}")
    return begin, end
