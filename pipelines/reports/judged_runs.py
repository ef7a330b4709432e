"""What the ledger knows of judged runs, for reports."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pipelines.errors import UsageError
from pipelines.tables.ledger import Ledger, last_words
from pipelines.validation.reporting import JudgedRun
from pipelines.validation.verdict import Verdict


def judged_runs(ledger: Ledger, run_ids: Sequence[str]) -> list[JudgedRun]:
    """The runs with their verdicts.

    Raises:
        UsageError: the ledger does not know one of them, or it was not judged.
    """
    return [_judged(ledger, run_id) for run_id in run_ids]


def _judged(ledger: Ledger, run_id: str) -> JudgedRun:
    (entry,) = last_words(ledger.of_run(run_id))
    if entry.verdict is None:
        raise UsageError(
            f"run '{run_id}' was not judged", expected="a run that came to its audit", found=f"state {entry.state}"
        )
    return JudgedRun(
        run_id=run_id,
        suite_name=entry.pipeline,
        at=entry.at or dt.datetime.now(dt.UTC),
        results=Verdict.from_json(entry.verdict).results,
        meta={
            "pipeline": entry.pipeline,
            "score_date": entry.score_date.isoformat(),
            "state": entry.state,
            "rows_input": entry.rows_input,
            "rows_scored": entry.rows_scored,
            "rows_quarantined": entry.rows_quarantined,
        },
    )
