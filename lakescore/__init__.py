"""Lakescore for Python and notebooks: plan, score and explain slices; see docs/python.md.

    import lakescore

    project = lakescore.open_project("conf")
    result = lakescore.score(project, "flight_delays", "2013-07-01")
    print(result.counts)

Nothing heavy is imported before a function needs it. Every error that a user can mend is a `PipelineError`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from lakescore.answers import count_refused, predictions, quarantine, replay_run, runs, why
from lakescore.checks import certify, check, suggest, validate
from lakescore.opening import open_project
from lakescore.scoring import backfill, plan, retract, score
from pipelines.errors import PipelineError

if TYPE_CHECKING:
    from pipelines.backfills.backfilling import Summary
    from pipelines.backfills.planning import Plan
    from pipelines.config import Project
    from pipelines.diagnostics.certifying import Certificate
    from pipelines.diagnostics.checking import Report
    from pipelines.provenance.explaining import Answer
    from pipelines.provenance.reproducing import Replay
    from pipelines.quality.quarantine import RefusedRow
    from pipelines.quality.trials import DayTrial
    from pipelines.runs.results import Result
    from pipelines.tables.ledger import Entry
    from pipelines.tables.quarantine import RefusedBy
    from pipelines.upkeep.retracting import Retraction

_TYPES = {
    "Answer": "pipelines.provenance.explaining",
    "Certificate": "pipelines.diagnostics.certifying",
    "DayTrial": "pipelines.quality.trials",
    "Entry": "pipelines.tables.ledger",
    "Plan": "pipelines.backfills.planning",
    "Project": "pipelines.config",
    "RefusedBy": "pipelines.tables.quarantine",
    "RefusedRow": "pipelines.quality.quarantine",
    "Replay": "pipelines.provenance.reproducing",
    "Report": "pipelines.diagnostics.checking",
    "Result": "pipelines.runs.results",
    "Retraction": "pipelines.upkeep.retracting",
    "Summary": "pipelines.backfills.backfilling",
}
"""The types of results, and where they are: imported once they are asked for."""

__all__ = [
    "Answer",
    "Certificate",
    "DayTrial",
    "Entry",
    "PipelineError",
    "Plan",
    "Project",
    "RefusedBy",
    "RefusedRow",
    "Replay",
    "Report",
    "Result",
    "Retraction",
    "Summary",
    "backfill",
    "certify",
    "check",
    "count_refused",
    "open_project",
    "plan",
    "predictions",
    "quarantine",
    "replay_run",
    "retract",
    "runs",
    "score",
    "suggest",
    "validate",
    "why",
]


def __getattr__(name: str) -> object:
    if name not in _TYPES:
        raise AttributeError(f"module 'lakescore' has no attribute '{name}'")
    return getattr(import_module(_TYPES[name]), name)


def __dir__() -> list[str]:
    return __all__
