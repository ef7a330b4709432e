"""`lakescore repair` and `lakescore maintain`."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from jobs import rendering
from jobs.verbs.options import AsJson, SomePipeline, print_json, project_of, session_of
from pipelines.config import pipeline_names

KeepDays = Annotated[
    float, typer.Option(min=0, help="How long files are kept that no version needs, and stages of runs that failed.")
]
ClosedAfter = Annotated[int, typer.Option(min=0, help="Only slices older than so many days are compacted.")]
Force = Annotated[bool, typer.Option("--force", help="Keep files for less than seven days.")]


def repair(pipeline: SomePipeline = None, as_json: AsJson = False) -> None:
    """Complete the ledger from tables and stages, and clear what processes that ended left behind.

    Example: `lakescore repair flight_delays`
    """
    from pipelines.runs.repairing import repair as put_right

    project = project_of(pipeline)
    names = [pipeline] if pipeline else pipeline_names(project)
    repairs = [item for name in names for item in put_right(partial(session_of, project), project, name)]
    if as_json:
        print_json([asdict(item) for item in repairs])
        return
    for item in repairs:
        day = "" if item.score_date is None else f" {item.score_date}"
        rendering.say(f"{item.pipeline}{day}: {item.what}: {item.run_id}: {item.why}")
    if not repairs:
        rendering.say("nothing to repair")


def maintain(
    pipeline: SomePipeline = None,
    keep_days: KeepDays = 7,
    closed_after: ClosedAfter = 3,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Compact closed slices and the ledger, remove files past their use, write checkpoints. Best run once a day.

    Example: `lakescore maintain flight_delays --keep-days 30`
    """
    from pipelines.runs.maintaining import maintain as look_after

    project = project_of(pipeline)
    names = [pipeline] if pipeline else pipeline_names(project)
    done = {}
    for name in names:
        done[name] = look_after(
            session_of(project), project, name, keep_days=keep_days, closed_after_days=closed_after, force=force
        )
    if as_json:
        print_json({name: asdict(item) for name, item in done.items()})
        return
    for name, item in done.items():
        for kind, table in item.tables.items():
            rendering.say(f"{name} {kind}: {table.compacted} files joined to {table.written}, {table.removed} removed")
        rendering.say(f"{name}: {item.ledger_files} files of the ledger joined, {len(item.stages)} old stages removed")
        if item.left:
            days = ", ".join(day.isoformat() for day in item.left)
            rendering.say(f"{name}: not compacted, as runs are at work on them: {days}")
