"""Looks into the quarantine: what was refused, why, and whether it counts. Needs no Spark."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipelines.errors import UsageError, did_you_mean
from pipelines.resolution.layout import Layout
from pipelines.tables.ledger import Entry
from pipelines.tables.quarantine import Reason, Refused, RefusedBy
from pipelines.tables.slices import Slice, look_at_slices


@dataclass(frozen=True)
class RefusedRow:
    """A refused row: its key, its reasons, and the columns that were read of it."""

    score_date: dt.date
    run_id: str
    reasons: tuple[Reason, ...]
    row: Mapping[str, object]


def standing_runs(layout: Layout, model_name: str, first: dt.date, last: dt.date) -> dict[dt.date, str]:
    """The published run of each date that has refused rows, whichever run refused them."""
    dates = Refused(layout.quarantine, first, last).dates()
    states = look_at_slices(layout.predictions, [Slice(day, model_name) for day in dates])
    published = {state.slice.score_date: state.published_run for state in states}
    return {day: run_id for day, run_id in published.items() if run_id is not None}


def count_reasons(layout: Layout, model_name: str, first: dt.date, last: dt.date) -> list[RefusedBy]:
    """The refused rows of published slices, counted by date and rule; a row with two reasons counts for both."""
    runs = standing_runs(layout, model_name, first, last)
    return Refused(layout.quarantine, first, last, set(runs.values())).by_rule()


def rejected_runs(layout: Layout, pipeline: str, first: dt.date, last: dt.date) -> list[Entry]:
    """The rejected runs that hold refused rows as evidence: of each date the newest, unless a later run was published.

    Args:
        layout: where the tables are.
        pipeline: its name.
        first: the first date.
        last: the last date.
    """
    newest: dict[dt.date, Entry] = {}
    for entry in layout.ledger.latest(pipeline=pipeline, score_date=first, last_date=last):
        if entry.state in ("rejected", "published"):
            newest[entry.score_date] = max(newest.get(entry.score_date, entry), entry, key=lambda one: one.run_id)
    return [
        entry for _, entry in sorted(newest.items()) if entry.state == "rejected" and (entry.rows_quarantined or 0) > 0
    ]


def count_refused(layout: Layout, day: dt.date, run_id: str, rule: str | None = None) -> int:
    """The rows of a slice that a run refused; 0 where a rule is named and refused none of them."""
    refused = Refused(layout.quarantine, day, day, {run_id})
    return refused.count() if rule is None or replace(refused, rule=rule).count() else 0


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
    refused = Refused(layout.quarantine, first, last, runs)
    wanted = replace(refused, rule=rule)
    in_all = wanted.count()
    if rule is not None and not in_all and (known := refused.rules()):
        raise UsageError(f"no row was refused by a rule '{rule}'", remedy=did_you_mean(rule, known))
    return some_rows(wanted, most), in_all


def some_rows(refused: Refused, most: int) -> list[RefusedRow]:
    """So many of the rows at most, those of the earliest dates."""
    return [
        RefusedRow(
            row["score_date"],
            row["run_id"],
            tuple(Reason(**reason) for reason in row["reasons"]),
            json.loads(row["row"]),
        )
        for row in refused.some(most)
    ]
