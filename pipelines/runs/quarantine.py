"""Looks into the quarantine: what was refused, why, and whether it counts. Needs no Spark."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from pipelines.errors import UsageError, did_you_mean
from pipelines.runs.layout import Layout
from pipelines.tables.quarantine import read_quarantine
from pipelines.tables.slices import Slice, look_at_slices


@dataclass(frozen=True)
class ReasonCount:
    """How many rows of a slice one rule refused.

    Args:
        score_date: the slice's.
        rule: the rule's id.
        column: what it judges.
        rows: how many rows name it among their reasons.
        example: the message of one of them.
    """

    score_date: dt.date
    rule: str
    column: str
    rows: int
    example: str


@dataclass(frozen=True)
class RefusedRow:
    """A refused row: its key, its reasons, and the columns that were read of it."""

    score_date: dt.date
    run_id: str
    reasons: list[dict[str, str]]
    row: dict[str, Any]


def standing_runs(layout: Layout, model_name: str, first: dt.date, last: dt.date) -> dict[dt.date, str]:
    """The published run of each date that has refused rows, whichever run refused them."""
    dates = read_quarantine(layout.quarantine, first, last, ["score_date"])["score_date"].unique().to_pylist()
    states = look_at_slices(layout.predictions, [Slice(day, model_name) for day in sorted(dates)])
    published = {state.slice.score_date: state.published_run for state in states}
    return {day: run_id for day, run_id in published.items() if run_id is not None}


def count_reasons(layout: Layout, model_name: str, first: dt.date, last: dt.date) -> list[ReasonCount]:
    """The refused rows of published slices, counted by date and rule; a row with two reasons counts for both."""
    runs = standing_runs(layout, model_name, first, last)
    rows = read_quarantine(layout.quarantine, first, last, ["score_date", "reasons"], set(runs.values()))
    counts: Counter[tuple[dt.date, str]] = Counter()
    told: dict[tuple[dt.date, str], dict[str, str]] = {}
    for batch in rows.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            for reason in row["reasons"]:
                place = (row["score_date"], reason["rule"])
                counts[place] += 1
                told.setdefault(place, reason)
    ordered = sorted(counts, key=lambda place: (place[0], -counts[place], place[1]))
    return [ReasonCount(*place, told[place]["column"], counts[place], told[place]["message"]) for place in ordered]


def count_refused(layout: Layout, day: dt.date, run_id: str, rule: str | None = None) -> int:
    """The rows of a slice that a run refused; 0 where a rule is named and refused none of them."""
    names = ["reasons"] if rule is not None else ["run_id"]
    found = read_quarantine(layout.quarantine, day, day, names, {run_id})
    if rule is None:
        return int(found.num_rows)
    named = any(rule == reason["rule"] for row in found.to_pylist() for reason in row["reasons"])
    return int(found.num_rows) if named else 0


def refused_rows(
    layout: Layout,
    model_name: str,
    first: dt.date,
    last: dt.date,
    *,
    rule: str | None = None,
    run_id: str | None = None,
    most: int = 20,
) -> tuple[list[RefusedRow], int]:
    """Refused rows with their reasons: of the published slices, or of one run whether or not it was published.

    Args:
        layout: where the tables are.
        model_name: the pipeline's model.
        first: the first date.
        last: the last date.
        rule: only rows that this rule refused.
        run_id: the run; by default each slice's published one.
        most: how many rows are returned.

    Returns:
        The rows, and how many there are in all.

    Raises:
        UsageError: no row was refused by that rule, while others were; or there is no such run.
    """
    if run_id is not None:
        layout.ledger.of_run(run_id)
    runs = {run_id} if run_id is not None else set(standing_runs(layout, model_name, first, last).values())
    names = ["score_date", "run_id", "reasons", "row"]
    found = read_quarantine(layout.quarantine, first, last, names, runs).sort_by("score_date").to_pylist()
    known = {reason["rule"] for row in found for reason in row["reasons"]}
    if rule is not None and known and rule not in known:
        raise UsageError(f"no row was refused by a rule '{rule}'", remedy=did_you_mean(rule, known))
    wanted = [row for row in found if rule is None or rule in {reason["rule"] for reason in row["reasons"]}]
    shown = [
        RefusedRow(row["score_date"], row["run_id"], row["reasons"], json.loads(row["row"])) for row in wanted[:most]
    ]
    return shown, len(wanted)
