"""What every function of the front door begins with: the project, the day, the session."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from pipelines.config import Pipeline, Project
    from pipelines.resolution.layout import Layout

    Spark = SparkSession | Callable[[], SparkSession] | None

Day = dt.date | str


def open_project(conf: str | Path | None = None, environment: str | None = None) -> Project:
    """Read a project's configuration.

    Args:
        conf: its folder; by default `$LAKESCORE_CONF`, or else `./conf`.
        environment: a file in `conf/environments`; by default `$LAKESCORE_ENVIRONMENT`, or else `local`.

    Raises:
        PipelineError: the configuration is missing or wrong.
    """
    from pipelines.config import load_project

    return load_project(None if conf is None else Path(conf), environment)


def day_of(day: Day) -> dt.date:
    """A day that is given as a date, or as text.

    Raises:
        UsageError: the text is no date.

    >>> day_of("2013-07-01")
    datetime.date(2013, 7, 1)
    """
    if isinstance(day, str):
        try:
            return dt.date.fromisoformat(day)
        except ValueError as error:
            raise UsageError("this is no date", expected="YYYY-MM-DD, such as 2013-07-01", found=day) from error
    return day.date() if isinstance(day, dt.datetime) else day


def session(project: Project, spark: Spark) -> Callable[[], SparkSession]:
    """What gives the session: the one that was given, or one as the environment says; it is asked for once needed."""
    if spark is None:

        def started() -> SparkSession:
            from pipelines.spark import start

            return start(project.environment.spark)

        return started
    return spark if callable(spark) else lambda: spark


def layout_of(project: Project, pipeline: str, spark: Spark = None) -> tuple[Pipeline, Layout]:
    """A pipeline and where its tables are; Spark is started only where a catalog must be asked for them."""
    from pipelines.config import load_pipeline
    from pipelines.resolution.layout import outputs_in_catalog
    from pipelines.runs.tables import require_tables

    configured = load_pipeline(project, pipeline)
    in_catalog = outputs_in_catalog(configured)
    return configured, require_tables(session(project, spark)() if in_catalog else None, project, configured)
