"""`lakescore doctor`, `lakescore repair` and `lakescore maintain`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from jobs.cli import terminal
from jobs.cli.rendering.doctor import show_finding
from jobs.cli.result_file import print_json
from jobs.cli.verbs.options import AsJson, SomePipeline, pipelines_of, project_of, session_of
from pipelines.errors import PipelineError

if TYPE_CHECKING:
    from pipelines.config import Project
    from pipelines.upkeep.maintaining import Maintenance

Done = TypeVar("Done")

KeepDays = Annotated[
    float, typer.Option(min=0, help="How long files are kept that no version needs, and stages of runs that failed.")
]
ClosedAfter = Annotated[int, typer.Option(min=0, help="Only slices older than so many days are compacted.")]
Force = Annotated[bool, typer.Option("--force", help="Keep files for less than seven days.")]


def doctor(
    pipeline: SomePipeline = None,
    offline: Annotated[bool, typer.Option("--offline", help="Leave out what needs Spark.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at all that a run rests on: machine, Spark, registry, tables, inputs. Exits with 1 where a run would fail.

    Example: `lakescore doctor`; `lakescore doctor flight_delays --offline --json`
    """
    from pipelines.diagnostics.doctor import diagnose

    project = project_of(pipeline)
    names = pipelines_of(project, pipeline)
    found = []
    for finding in diagnose(project, names, None if offline else partial(session_of, project)):
        found.append(finding)
        if not as_json:
            show_finding(finding)
    if as_json:
        print_json([asdict(finding) for finding in found])
    if any(finding.status == "problem" for finding in found):
        raise typer.Exit(1)


def repair(pipeline: SomePipeline = None, as_json: AsJson = False) -> None:
    """Complete the ledger from tables and stages, and clear what processes that ended left behind.

    Example: `lakescore repair flight_delays`
    """
    from pipelines.upkeep.repairing import repair as put_right

    project = project_of(pipeline)
    found, errors = _of_each(pipeline, project, lambda name: put_right(partial(session_of, project), project, name))
    repairs = [item for items in found.values() for item in items]
    if as_json:
        print_json([asdict(item) for item in repairs])
    else:
        for item in repairs:
            day = "" if item.score_date is None else f" {item.score_date}"
            terminal.say(f"{item.pipeline}{day}: {item.what}: {item.run_id}: {item.why}")
        if not repairs and not errors:
            terminal.say("nothing to repair")
    _end(errors)


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
    from pipelines.upkeep.maintaining import maintain as look_after

    project = project_of(pipeline)

    def maintained(name: str) -> Maintenance:
        spark = session_of(project)
        return look_after(spark, project, name, keep_days=keep_days, closed_after_days=closed_after, force=force)

    done, errors = _of_each(pipeline, project, maintained)
    if as_json:
        print_json({name: asdict(item) for name, item in done.items()})
    for name, item in ({} if as_json else done).items():
        for kind, table in item.tables.items():
            terminal.say(f"{name} {kind}: {table.compacted} files joined to {table.written}, {table.removed} removed")
        terminal.say(f"{name}: {item.ledger_files} files of the ledger joined, {len(item.stages)} old stages removed")
        if item.left:
            days = ", ".join(day.isoformat() for day in item.left)
            terminal.say(f"{name}: not compacted, as runs are working on them: {days}")
    _end(errors)


def _of_each(pipeline: str | None, project: Project, act: Callable[[str], Done]) -> tuple[dict[str, Done], list[str]]:
    """What became of one pipeline or of all, and what went wrong: one that is not in order does not stop the others."""
    done, errors = {}, []
    for name in pipelines_of(project, pipeline):
        try:
            with terminal.working(f"{name}: looking after its tables"):
                done[name] = act(name)
        except PipelineError as error:
            if pipeline:
                raise
            errors.append(f"{name}: {error}")
    return done, errors


def _end(errors: list[str]) -> None:
    for error in errors:
        terminal.show_error(error)
    if errors:
        raise typer.Exit(PipelineError.exit_code)
