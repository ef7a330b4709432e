"""Maintains a pipeline's tables: compaction of closed slices, vacuum, checkpoints, and stages past their use."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import SparkSession

from pipelines.config import Project, load_pipeline
from pipelines.errors import UsageError
from pipelines.passes.attempt_folder import remove_left
from pipelines.resolution.layout import Layout
from pipelines.runs.progress import WHOLE
from pipelines.runs.recovery import is_alive
from pipelines.runs.tables import require_tables
from pipelines.tables.ledger import UNFINISHED, Entry
from pipelines.tables.locations import local_path
from pipelines.tables.maintenance import SHORTEST_DAYS, Maintained, maintain_ledger, maintain_table, scattered
from pipelines.tables.stages import abandoned

SECONDS_A_DAY = 86_400
CLOSED_AFTER_DAYS = 3
"""How long a slice counts as open after its date: until then late rows are likely, and would undo a compaction."""


@dataclass(frozen=True)
class Maintenance:
    """What was done for a pipeline.

    Args:
        tables: what was done to predictions and quarantine.
        ledger_files: files of the ledger that were joined.
        stages: the runs whose stages were removed, as nothing will ask for them any more.
        left: score dates whose files were not joined, as a run is working on them.
    """

    tables: dict[str, Maintained]
    ledger_files: int
    stages: tuple[str, ...]
    left: tuple[dt.date, ...]


def maintain(
    spark: SparkSession,
    project: Project,
    name: str,
    *,
    keep_days: float = SHORTEST_DAYS,
    closed_after_days: int = CLOSED_AFTER_DAYS,
    force: bool = False,
) -> Maintenance:
    """Maintain a pipeline's tables and the ledger; rows and what is published stay as they are.

    Args:
        spark: the session.
        project: the configuration.
        name: the pipeline's.
        keep_days: how long files are kept that no version needs any more, and stages of runs that published nothing.
        closed_after_days: only slices that are older are compacted.
        force: keep files for less than seven days.

    Raises:
        UsageError: files would be removed that a running run may need.
        TableError: a table cannot be maintained.
    """
    pipeline = load_pipeline(project, name)
    layout = require_tables(spark, project, pipeline)
    entries = layout.ledger.latest(pipeline=name)
    running = [entry for entry in entries if entry.state in UNFINISHED and is_alive(layout, entry)]
    _require_long_enough(keep_days, _longest_run_days(entries), running, force=force)
    busy = {entry.score_date for entry in running}
    newest = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=closed_after_days)
    done, left = {}, set()
    for kind, location in layout.outputs().items():
        days = [day for day in scattered(location) if day <= newest]
        left |= busy & set(days)
        done[kind] = maintain_table(spark, location, [day for day in days if day not in busy], keep_days)
        if local_path(location) is not None:
            remove_left(location, time.time() - keep_days * SECONDS_A_DAY)
    return Maintenance(
        tables=done,
        stages=tuple(_removed_stages(layout, keep_days)),
        ledger_files=maintain_ledger(layout.ledger.location, max(keep_days, SHORTEST_DAYS)),
        left=tuple(sorted(left)),
    )


def _require_long_enough(keep_days: float, longest_run: float, running: Sequence[Entry], *, force: bool) -> None:
    if keep_days < SHORTEST_DAYS and not force:
        raise UsageError(
            f"--keep-days {keep_days:g} would take files from readers and from time travel",
            expected=f"{SHORTEST_DAYS} days or more",
            remedy="take more days, or --force where nobody reads the tables",
        )
    if keep_days <= longest_run:
        raise UsageError(
            f"--keep-days {keep_days:g} is less than the longest run took: it could remove what a run is writing",
            expected=f"more than {longest_run:.3f} days",
        )
    if keep_days < SHORTEST_DAYS and running:
        runs = ", ".join(entry.run_id for entry in running)
        raise UsageError(
            "files cannot be removed early while runs are running",
            expected="no running run, or 7 days and more",
            found=runs,
            remedy="wait for them, or see `lakescore repair`",
        )


def _longest_run_days(entries: Sequence[Entry]) -> float:
    """How long the longest run took, by its own timings: a ledger row may have been added days later."""
    timed = [entry.seconds() for entry in entries if entry.timings is not None]
    return max([took.get(WHOLE, sum(took.values())) for took in timed], default=0.0) / SECONDS_A_DAY


def _removed_stages(layout: Layout, keep_days: float) -> list[str]:
    """The stages of runs that began longer ago than files are kept; never one in use."""
    oldest = dt.datetime.now(dt.UTC) - dt.timedelta(days=keep_days)
    removed = []
    for stage in abandoned(layout.stages):
        begun = stage.begun_at()
        if begun is not None and begun < oldest:
            stage.discard()
            removed.append(stage.run_id)
        else:
            stage.leave()
    return removed
