"""`lakescore views`: what analysts ask the tables with."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jobs import rendering
from jobs.verbs.options import PipelineName, layout_of, project_of
from pipelines.errors import UsageError


class Engine(StrEnum):
    """The engines whose SQL the views can be written in."""

    SPARK = "spark"
    DUCKDB = "duckdb"


def views(
    pipeline: PipelineName,
    dialect: Annotated[Engine, typer.Option(help="Whose SQL.")] = Engine.DUCKDB,
    output: Annotated[Path | None, typer.Option(help="Write into this file. Default: print.")] = None,
) -> None:
    """Write the SQL of a pipeline's views: latest predictions, daily summary, quarantine by reason, and others.

    Example: `lakescore views flight_delays --output views.sql`
    """
    from pipelines.runs.view_queries import DIALECTS
    from pipelines.runs.views import views_script

    script = views_script(DIALECTS[dialect], *layout_of(project_of(pipeline), pipeline))
    if output is None:
        rendering.say(script)
        return
    try:
        output.write_text(script, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            "--output: cannot be written", expected="a file in a folder that is there", found=error
        ) from error
    rendering.say(str(output))
