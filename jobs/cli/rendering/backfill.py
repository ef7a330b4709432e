"""How plans and backfills look: a table, a bar with the running slices on a terminal, lines when piped."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape

from jobs.cli.rendering.progress import STEPS
from jobs.cli.terminal import ERRORS, new_table, note, say, show

if TYPE_CHECKING:
    from rich.progress import Progress

    from pipelines.backfills.backfilling import Backfilled, Summary
    from pipelines.backfills.planning import Plan, PlannedSlice
    from pipelines.runs.progress import Step


def show_plan(plan: Plan, command: str, options: str) -> None:
    """Every slice, what a run would do to it, what all of it would take, and the command for that."""
    table = new_table(["slice", "state", "model", "reads"], ["rows", "seconds"], ["replaces", "why"])
    for slice_ in plan.slices:
        sources = ", ".join(
            f"{name} {'files' if version is None else version}" for name, version in slice_.sources.items()
        )
        replaced = slice_.replaces
        table.add_row(
            slice_.score_date.isoformat(),
            slice_.state,
            f"version {slice_.model.version}" if slice_.is_due else "",
            sources if slice_.is_due else "",
            _rows(slice_),
            f"{slice_.seconds:.1f}" if slice_.is_due and slice_.seconds is not None else "",
            f"{replaced.run_id}, version {replaced.model_version}" if replaced is not None and slice_.is_due else "",
            escape("; ".join(slice_.reasons)),
        )
    show(table)
    due = [slice_ for slice_ in plan.slices if slice_.is_due]
    show_standing(plan, due)
    for change, count in Counter(also for slice_ in plan.slices for also in slice_.also).items():
        say(f"  also changed, for {count} {'slice' if count == 1 else 'slices'}: {change}")
    for name in plan.counted_whole:
        say(f"  {name} counts as a whole: its files do not tell their dates, so any change makes all slices stale")
    for check_id, why in plan.by_engine.items():
        say(f"  {check_id} reads each slice once more, by Great Expectations' engine: {why}")
    if plan.on_stage:
        say(f"  judged on the staged rows, in a small job more: {', '.join(plan.on_stage)}")
    if due:
        first, last = plan.slices[0].score_date, plan.slices[-1].score_date
        say(f"Run it: {command} --from {first} --to {last}{options}")


def _rows(slice_: PlannedSlice) -> str:
    """The number of rows; an estimate is marked."""
    if slice_.rows is None:
        return ""
    return f"{'~' if slice_.is_rows_estimated else ''}{slice_.rows}"


def show_standing(plan: Plan, wanted: Sequence[PlannedSlice]) -> None:
    """How many slices are in which state, and what running those that are wanted would take."""
    states = Counter(slice_.state for slice_ in plan.slices)
    say(f"{plan.pipeline.name}: {', '.join(f'{count} {state}' for state, count in states.items())}")
    if not wanted:
        say("Nothing to do.")
        return
    rows = [slice_.rows for slice_ in wanted]
    about = "about " if any(slice_.is_rows_estimated for slice_ in wanted) else ""
    of_rows = f", {about}{sum(row or 0 for row in rows):,} rows" if None not in rows else ""
    versions = sorted({slice_.model.version for slice_ in wanted})
    model = f"{wanted[0].model.name} version {', '.join(map(str, versions))}"
    pace = plan.pace
    if pace is None:
        likely = "no earlier run tells how long that takes"
    else:
        work = f"about {_duration(sum(slice_.seconds or 0 for slice_ in wanted))} of"
        if not pace.runs:
            likely = f"{work} scoring, by a sample of {pace.sampled_rows:,} rows; writing comes on top"
        else:
            likely = f"{work} work, by {pace.runs} earlier {'run' if pace.runs == 1 else 'runs'}"
    say(f"To run: {len(wanted)} {'slice' if len(wanted) == 1 else 'slices'}{of_rows}, by {model}; {likely}")


class Watching:
    """Tells a person of a backfill as it goes.

    Args:
        wanted: the slices.
        at_once: how many run together.
        progress: the bar on a terminal; None for lines.
        quiet: tell nothing.
    """

    def __init__(self, wanted: Sequence[PlannedSlice], at_once: int, progress: Progress | None, *, quiet: bool) -> None:
        self._total, self._at_once, self._quiet = len(wanted), at_once, quiet
        self._seconds: list[float] = []
        self._steps: dict[dt.date, str] = {}
        self._lock = threading.Lock()
        self._progress = progress
        self._bar = None if progress is None else progress.add_task("", total=len(wanted), eta="", work="")

    def at(self, day: dt.date, step: Step) -> None:
        """A slice begins a step."""
        with self._lock:
            self._steps[day] = STEPS[step]
            self._show()

    def ended(self, slice_: Backfilled, left: Sequence[PlannedSlice]) -> None:
        """A slice came to its end."""
        with self._lock:
            self._steps.pop(slice_.score_date, None)
            self._seconds.append(slice_.seconds)
            eta = f"about {_duration(self._left(len(left)))} left" if left else ""
            counts = slice_.counts
            rows = f", {counts.input} = {counts.scored} + {counts.quarantined} quarantined" if counts else ""
            done = f"[{len(self._seconds)}/{self._total}] {slice_.score_date} {slice_.outcome}"
            line = f"{done}{rows}, {slice_.seconds:.1f} s"
            if self._progress is not None and self._bar is not None:
                self._progress.console.print(line, highlight=False)
                self._progress.update(self._bar, advance=1, eta=eta)
                self._show()
            else:
                note(f"{line}; {eta}" if eta else line, quiet=self._quiet)

    def stopping(self, urgent: bool) -> None:
        """A person wants the backfill to end."""
        note(
            "ending now: what is running is abandoned"
            if urgent
            else "ending: what is running is finished first; once more to abandon it",
            quiet=self._quiet,
        )

    def _left(self, slices: int) -> float:
        """How long the rest is likely to take, by the slices so far."""
        return slices * sum(self._seconds) / len(self._seconds) / self._at_once

    def _show(self) -> None:
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, work=work_of(self._steps))


def work_of(steps: Mapping[dt.date, str]) -> str:
    """What the running slices are at; those of a pass are at the same.

    >>> day = dt.date(2024, 3, 1)
    >>> work_of({day: "scoring"}), work_of({day: "scoring", day.replace(day=2): "scoring", day.replace(day=3): "audit"})
    ('2024-03-01: scoring', '2024-03-01 and 1 more: scoring; 2024-03-03: audit')
    """
    days: dict[str, list[dt.date]] = {}
    for day, step in sorted(steps.items()):
        days.setdefault(step, []).append(day)
    return "; ".join(
        f"{first}{f' and {len(others)} more' if others else ''}: {step}" for step, (first, *others) in days.items()
    )


@contextmanager
def watching(plan: Plan, wanted: Sequence[PlannedSlice], at_once: int, *, quiet: bool) -> Iterator[Watching]:
    """Tell of a backfill: a bar on a terminal, lines on the error stream otherwise."""
    if quiet or not ERRORS.is_terminal:
        yield Watching(wanted, at_once, None, quiet=quiet)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn(plan.pipeline.name),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[eta]}"),
        TextColumn("{task.fields[work]}"),
    )
    with Progress(*columns, console=ERRORS) as progress:
        yield Watching(wanted, at_once, progress, quiet=False)


def show_summary(summary: Summary, plan: Plan, command: str, options: str) -> None:
    """What became of each slice, and how to go on: from the first that is not published."""
    table = new_table(["slice", "outcome"], ["input", "scored", "quarantined", "seconds"], ["run", "why"])
    for slice_ in sorted(summary.done, key=lambda slice_: slice_.score_date):
        counts = slice_.counts
        table.add_row(
            slice_.score_date.isoformat(),
            slice_.outcome,
            *(["", "", ""] if counts is None else [str(counts.input), str(counts.scored), str(counts.quarantined)]),
            f"{slice_.seconds:.1f}",
            slice_.run_id,
            escape(slice_.error.replace("\n ", ";").strip()),
        )
    show(table)
    outcomes = Counter(slice_.outcome for slice_ in summary.done)
    outcome_counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    say(f"{plan.pipeline.name}: {outcome_counts or 'nothing begun'}, in {_duration(summary.seconds)}")
    if summary.left:
        say(f"Not begun: {len(summary.left)} from {summary.left[0]} to {summary.left[-1]}: {summary.why_left}")
    if summary.open_days:
        say(f"To go on: {command} --from {summary.open_days[0]} --to {plan.slices[-1].score_date}{options}")


def _duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> _duration(4.2), _duration(125), _duration(7260)
    ('4 s', '2 min 5 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004
        return f"{whole} s"
    if whole < 3600:  # noqa: PLR2004
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
