"""`lakescore quarantine list|show|replay`."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

import lakescore
from jobs.cli import terminal
from jobs.cli.prompt import ask, can_ask
from jobs.cli.rendering import validation
from jobs.cli.result_file import print_json
from jobs.cli.verbs.options import (
    AsJson,
    FirstDate,
    LastDate,
    PipelineName,
    date_of,
    layout_of,
    period_of,
    project_of,
    session_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.quality.quarantine_replay import Replayed

app = typer.Typer(name="quarantine", help="Look at refused rows, and replay their slices after a fix.")
AnyDate = Annotated[str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="The day; all by default.")]
EarliestDate = Annotated[
    str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day; all by default.")
]
LatestDate = Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="The last day.")]
RuleId = Annotated[str | None, typer.Option("--rule", metavar="RULE_ID", help="Only what this rule refused.")]
SomeRun = Annotated[str | None, typer.Option("--run", metavar="RUN_ID", help="A run, also one that was rejected.")]
EVER = (dt.date(1, 1, 1), dt.date(9999, 12, 31))


@app.command("list")
def list_reasons(
    pipeline: PipelineName,
    first: EarliestDate = None,
    last: LatestDate = None,
    as_json: AsJson = False,
) -> None:
    """Count refused rows by date and reason.

    Example: `lakescore quarantine list flight_delays --from 2013-07-01`
    """
    from pipelines.quality.quarantine import rejected_runs

    begin, end = period_of(first or EVER[0].isoformat(), last or EVER[1].isoformat())
    project = project_of(pipeline)
    counts = lakescore.count_refused(project, pipeline, begin, end, spark=partial(session_of, project))
    if as_json:
        print_json([asdict(count) for count in counts])
        return
    validation.show_reason_counts(counts)
    _, layout = layout_of(project, pipeline)
    validation.show_rejected_runs(pipeline, rejected_runs(layout, pipeline, begin, end))


@app.command("show")
def show_rows(
    pipeline: PipelineName,
    date: AnyDate = None,
    rule: RuleId = None,
    run_id: SomeRun = None,
    most: Annotated[int, typer.Option(min=1, help="Show this many rows.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show refused rows with their reasons.

    Example: `lakescore quarantine show flight_delays --date 2013-07-02`
    """
    from pipelines.config import load_pipeline

    day = None if date is None else date_of(date)
    project = project_of(pipeline)
    session, key = partial(session_of, project), load_pipeline(project, pipeline).key
    rows, in_all = lakescore.quarantine(project, pipeline, day, rule=rule, run_id=run_id, most=most, spark=session)
    if as_json:
        print_json({"rows": [asdict(row) for row in rows], "in_all": in_all})
    else:
        validation.show_refused_rows(rows, in_all, key)


@app.command("replay")
def replay_slices(
    pipeline: PipelineName,
    first: FirstDate,
    last: LastDate,
    rule: RuleId = None,
    yes: Annotated[bool, typer.Option("--yes", help="Run the slices without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run slices with refused rows again, where a fixed rule, fixed data or a new model changes them.

    First it says which rows would move, and asks.

    Example: `lakescore quarantine replay flight_delays --from 2013-07-01 --to 2013-07-07`
    """
    from pipelines.quality.quarantine_replay import plan_replay, replay

    begin, end = period_of(first, last)
    project = project_of(pipeline)
    spark = session_of(project)
    with terminal.working(f"{pipeline}: looking for rows that would move"):
        plan = list(plan_replay(spark, project, pipeline, begin, end, rule))
    stale = [item for item in plan if item.is_stale]
    if not as_json:
        validation.show_replay_plan(plan)
    replayed: list[Replayed] = []
    if stale and (yes or _agreed(len(stale), as_json)):
        terminal.note(f"{pipeline}: replaying {len(stale)} {'slice' if len(stale) == 1 else 'slices'}")
        for item in replay(spark, project, pipeline, plan):
            replayed.append(item)
            if not as_json:
                validation.show_replayed(item)
    if as_json:
        print_json(
            {
                "plan": [{**asdict(item), "trial": None, "is_stale": item.is_stale} for item in plan],
                "replayed": [{**asdict(item), "is_proven": item.is_proven} for item in replayed],
            }
        )
    raise typer.Exit(_exit_code(replayed))


def _agreed(slices: int, as_json: bool) -> bool:
    if as_json or not can_ask():
        terminal.note("nothing was run; add --yes to run these slices")
        return False
    if ask(f"Run {slices} {'slice' if slices == 1 else 'slices'}? (y/N)").lower() in ("y", "yes"):
        return True
    terminal.note("nothing was run")
    return False


def _exit_code(replayed: Sequence[Replayed]) -> int:
    """The worst that became of a slice: failed or not proven, else rejected, else done."""
    outcomes = [item.outcome for item in replayed]
    if "failed" in outcomes or any(item.outcome == "published" and not item.is_proven for item in replayed):
        return 1
    return 3 if "rejected" in outcomes else 0
