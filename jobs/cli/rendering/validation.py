"""How validation and quarantine look: reasons, refused rows, replays, and what suites would do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from jobs.cli.terminal import new_table, say, show

if TYPE_CHECKING:
    from pipelines.quality.quarantine import RefusedRow
    from pipelines.quality.quarantine_replay import Replayable, Replayed
    from pipelines.quality.trials import DayTrial, Trial
    from pipelines.tables.ledger import Entry
    from pipelines.tables.quarantine import RefusedBy


def show_reason_counts(counts: Sequence[RefusedBy]) -> None:
    """Refused rows by date and reason."""
    if not counts:
        say("no rows are in quarantine")
        return
    table = new_table(("date", "rule", "column"), ("rows",), ("example",))
    for count in counts:
        place = (count.score_date.isoformat(), count.rule, count.column)
        table.add_row(*map(escape, place), str(count.rows), escape(count.example))
    show(table)


def show_rejected_runs(pipeline: str, runs: Sequence[Entry]) -> None:
    """Runs that were not published and hold refused rows, each with the command that shows them."""
    for entry in runs:
        say(
            f"{entry.score_date}: run {entry.run_id} was rejected, and holds {entry.rows_quarantined} refused rows: "
            f"lakescore quarantine show {pipeline} --run {entry.run_id}"
        )


def show_refused_rows(rows: Sequence[RefusedRow], in_all: int, key: Sequence[str]) -> None:
    """Refused rows, each with its key, its reasons and the rest of what was read of it."""
    for row in rows:
        say(f"{row.score_date} run {row.run_id}: " + ", ".join(f"{name} {row.row.get(name)}" for name in key))
        for reason in row.reasons:
            say(f"    {reason.rule}: {reason.message}")
        others = {name: value for name, value in row.row.items() if name not in key}
        say(f"    {json.dumps(others, ensure_ascii=False)}")
    say(f"{len(rows)} of {in_all} rows" if in_all else "no rows are in quarantine")


def show_replay_plan(plan: Sequence[Replayable]) -> None:
    """What a replay would do."""
    if not plan:
        say("no slice of the period has refused rows")
        return
    table = new_table(("date", "changed"), ("quarantined", "would be scored", "would be refused anew"), ("outcome",))
    for item in plan:
        moves = [str(item.released), str(item.newly_refused)] if item.is_stale else ["", ""]
        table.add_row(
            item.score_date.isoformat(), ", ".join(item.changed), str(item.refused), *moves, escape(_outlook(item))
        )
    show(table)


def _outlook(item: Replayable) -> str:
    if item.error:
        return f"left alone: {item.error}"
    if not item.is_stale:
        return "nothing changed: left alone"
    rejecting = _rejecting(item.trial) if item.trial is not None else ""
    return f"would be rejected by {rejecting}" if rejecting else "passes suite and limits"


def show_replayed(item: Replayed) -> None:
    """What became of a replayed slice, as counted in the tables."""
    if item.outcome != "published":
        say(f"{item.score_date}: {item.outcome}. {item.error}")
        return
    proof = "as it must be" if item.is_proven else "NOT EQUAL: look at this run"
    counts = f"{item.rows_input} input = {item.rows_scored} scored + {item.rows_quarantined} quarantined"
    say(f"{item.score_date}: published by run {item.run_id}; in the tables {counts}, {proof}")


def show_days(days: Sequence[DayTrial]) -> None:
    """What suites would do, day by day."""
    compared = any(day.other is not None for day in days)
    numbers = ("rows", "quarantined") + (("by the other", "released", "newly refused") if compared else ())
    table = new_table(("date",), numbers, ("rejected by",) + (("by the other, rejected by",) if compared else ()))
    for day in days:
        cells = [str(day.present.rows), str(day.present.refused)]
        verdicts = [_rejecting(day.present)]
        if day.other is not None:
            cells += [str(day.other.refused), str(day.released), str(day.newly_refused)]
            verdicts.append(_rejecting(day.other))
        table.add_row(day.score_date.isoformat(), *cells, *map(escape, verdicts))
    show(table)
    for name, trials in (
        ("the present suite", [day.present for day in days]),
        ("the other suite", [day.other for day in days if day.other is not None]),
    ):
        broken = Counter[str]()
        for trial in trials:
            for rule in trial.verdict.broken_rules():
                broken[rule.check_id + (" (warns)" if rule.action == "warn" else "")] += rule.unexpected_count or 0
        if trials:
            listed = ", ".join(f"{check_id} {rows}" for check_id, rows in broken.most_common()) or "none"
            say(f"rows by broken rule, by {name}: {listed}")


def day_as_plain(day: DayTrial) -> dict[str, object]:
    """A day's trials as plain values."""

    def plain(trial: Trial | None) -> dict[str, object] | None:
        if trial is None:
            return None
        broken = {rule.check_id: rule.unexpected_count for rule in trial.verdict.broken_rules()}
        rejecting = [result.check_id for result in trial.rejecting]
        return {"rows": trial.rows, "quarantined": trial.refused, "broken": broken, "rejecting": rejecting}

    return {
        "score_date": day.score_date.isoformat(),
        "present": plain(day.present),
        "other": plain(day.other),
        "released": day.released,
        "newly_refused": day.newly_refused,
    }


def _rejecting(trial: Trial) -> str:
    return ", ".join(result.check_id for result in trial.rejecting)
