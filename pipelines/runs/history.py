"""Gates that compare a slice with the slices published before it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from statistics import median

from pipelines.config import HistoryGate, Pipeline
from pipelines.expressions.rules import Severity
from pipelines.tables.ledger import Entry, Ledger
from pipelines.tables.slices import Slice
from pipelines.validation.gates import Bounds
from pipelines.validation.history_measures import subject
from pipelines.validation.verdict import CheckResult, Verdict


def entries_before(ledger: Ledger, pipeline: Pipeline, slice_: Slice) -> list[Entry]:
    """What the ledger tells of earlier slices, oldest first; nothing where no gate asks."""
    return ledger.before(pipeline.name, slice_.model_name, slice_.score_date) if pipeline.history else []


def judge_history(
    entries: Sequence[Entry], pipeline: Pipeline, slice_: Slice, observed: Mapping[str, float | None]
) -> list[CheckResult]:
    """The results of a pipeline's history gates.

    Args:
        entries: rows of the ledger in the order in which they were written; those of later slices say nothing.
        pipeline: whose gates.
        slice_: the slice that is judged.
        observed: as `numbers_of` gives them.
    """
    past = published_slices([entry for entry in entries if entry.score_date < slice_.score_date])
    return [
        _judged(name, gate, _number(gate, observed[name]), _baseline(name, gate, past, slice_.score_date))
        for name, gate in pipeline.history.items()
    ]


def published_slices(entries: Sequence[Entry]) -> dict[dt.date, Entry]:
    """Of each slice the newest published run, unless it was taken back; newest slice first.

    Args:
        entries: ledger rows in the order in which they were written; those of other states say nothing of a slice.
    """
    last: dict[dt.date, Entry] = {}
    for entry in entries:
        if entry.state in ("published", "retracted"):
            last[entry.score_date] = entry
    standing = {day: entry for day, entry in last.items() if entry.state == "published"}
    return dict(sorted(standing.items(), reverse=True))


def _baseline(name: str, gate: HistoryGate, past: Mapping[dt.date, Entry], day: dt.date) -> list[float]:
    """The same number of the last published slices with rows; of those that the gate judged, or counted anyway."""
    found: list[float] = []
    for score_date, entry in past.items():
        if len(found) == gate.slices:
            break
        if gate.same_weekday and score_date.weekday() != day.weekday():
            continue
        if entry.rows_input == 0:  # an empty slice says nothing of those that have rows
            continue
        number = entry.rows_input if gate.of == "rows" else _recorded(entry, name, gate)
        if number is not None:
            found.append(float(number))
    return found


def _recorded(entry: Entry, name: str, gate: HistoryGate) -> float | None:
    """The share of nulls that a past verdict tells: by this gate, or by an expectation on the same column's nulls."""
    for result in Verdict.from_json(entry.verdict).results:
        if result.check_id == f"history:{name}" and result.expected.startswith(f"{subject(gate)}: "):
            return result.observed
        arguments = result.expectation.get("kwargs", {})
        is_plain = set(arguments) <= {"column", "mostly"} and arguments.get("column") == gate.column
        is_of_nulls = result.expectation.get("type") == "expect_column_values_to_not_be_null"
        if is_of_nulls and is_plain and result.kind == "rule":
            return None if result.observed is None else 1 - result.observed
    return None


def _judged(name: str, gate: HistoryGate, number: float | None, baseline: Sequence[float]) -> CheckResult:
    check_id = f"history:{name}"
    if number is None:
        expected = f"{subject(gate)}: judged where there is a row"
        return CheckResult(check_id, "gate", "info", True, None, expected=expected, action=gate.action)
    days = "slices of the same weekday" if gate.same_weekday else "slices"
    if len(baseline) < gate.at_least:
        expected = f"{subject(gate)}: judged once {gate.at_least} {days} were published before; now {len(baseline)}"
        return CheckResult(check_id, "gate", "info", True, number, expected=expected, action=gate.action)
    middle = median(baseline)
    distance = gate.within * middle if gate.of == "rows" else gate.within
    bounds = Bounds(max(middle - distance, 0.0), middle + distance)
    expected = (
        f"{subject(gate)}: {bounds.expected()}, by the median {middle:.6g} of the last {len(baseline)} published {days}"
    )
    severity: Severity = "critical" if gate.action == "reject" else "warning"
    return CheckResult(check_id, "gate", severity, bounds.hold(number), number, expected=expected, action=gate.action)


def _number(gate: HistoryGate, observed: float | None) -> float | None:
    if observed is None:
        return None
    return float(observed) if gate.of == "rows" else 1 - float(observed)
