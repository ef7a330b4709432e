"""How a checked configuration, and changes of tables, look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobs.cli.terminal import say

if TYPE_CHECKING:
    from pipelines.diagnostics.checking import Report
    from pipelines.runs.tables import TableChange


def show_reports(reports: Sequence[Report]) -> None:
    """What a check found in order."""
    for report in reports:
        model = f", model {report.model}" if report.model else ""
        say(f"{report.pipeline}: ok; {report.rules} rules and {report.gates} gates in one pass{model}")
        if report.on_stage:
            say(f"  judged on the stage, as they speak of the slice as a whole: {', '.join(report.on_stage)}")
        for check_id, why in report.by_engine.items():
            say(f"  {check_id}: computed by Great Expectations' engine, which reads the slice again: {why}")
        for feature, casts in report.unjudged.items():
            say(f"  feature {feature}: no rule can tell whether {', '.join(casts)} changes a value")


def show_tables(changes: Sequence[TableChange]) -> None:
    """What became of tables."""
    for change in changes:
        added = f"; added {', '.join(change.columns_added)}" if change.columns_added else ""
        say(f"{change.table:<12}{change.location}{added}")
