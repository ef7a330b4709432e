"""What a job came to, as it left it in its result file, or as the ledger has it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

JobResult = Mapping[str, Any]
"""What a job came to, as its result file or the ledger has it."""
NEVER_RETRIED = {2, 3}
"""Exit codes of wrong use or configuration, and of a rejection: the same again would end the same."""


def left_in(file: Path) -> JobResult | None:
    """The content of a result file; None where the job left none."""
    try:
        content: JobResult = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return content


def newest_run(runs: str, pipeline: str, day: dt.date, since: dt.datetime) -> JobResult | None:
    """The ledger's last word on a slice since a moment, for a job that ran where no file can be read from.

    Args:
        runs: the ledger's table.
        pipeline: its name.
        day: the score date.
        since: only runs that changed their state since; a moment with its time zone.
    """
    from deltalake import DeltaTable

    from pipelines.tables.locations import for_delta_rs
    from pipelines.tables.reading import equal, read_rows

    of_slice = f"{equal('pipeline', pipeline)} AND {equal('score_date', day)}"
    rows = read_rows(DeltaTable(for_delta_rs(runs)), where=of_slice).to_pylist()
    return max((row for row in rows if row["at"] >= since), key=lambda row: row["at"], default=None)


def as_extra(result: JobResult) -> dict[str, object]:
    """What the event of the predictions' asset tells about a published slice."""
    verdict = result["verdict"]
    failed = [check for check in verdict if not check["success"]]
    not_passed = [check["check_id"] for check in failed]
    return {
        "score_date": result["score_date"],
        "run_id": result["run_id"],
        "outcome": result["outcome"],
        "table": result["tables"]["predictions"],
        "table_version": result["predictions_version"],
        "model": f"{result['model']['name']} version {result['model']['version']}",
        "rows": {name: result["counts"][name] for name in ("input", "scored", "quarantined")},
        "verdict": f"{len(verdict) - len(failed)} of {len(verdict)} checks passed",
        "not_passed": not_passed,
    }


def failure(error: JobResult | None, code: int | None, log: str) -> AirflowException:
    """The error of a job: one that fails the task at once where a retry would end the same.

    Args:
        error: what the job left in its result file.
        code: the job's exit code.
        log: the end of what it printed, for a job that left nothing.
    """
    if error is None or "error" not in error:
        return AirflowException(f"the job ended with exit code {code} and left no result\n{log}".rstrip())
    if error.get("exit_code", code) in NEVER_RETRIED:
        return AirflowFailException(error["error"])
    return AirflowException(error["error"])
