"""Scores small projects; ends its own process by SIGKILL when a given step begins.

Usage: killed_run.py STEP SLICES PROJECT…, where the step may be `none`. Of one slice it is a scheduled run, of more a
backfill's pass. Prints one line of JSON for all that became of them.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from pipelines.backfills.backfilling import Backfilled, backfill, plan_backfill
from pipelines.backfills.planning import PlannedSlice
from pipelines.backfills.stop_signal import Stop
from pipelines.runs.progress import Progress, Step
from pipelines.runs.scoring import score
from pipelines.spark import start
from support.faults.at_steps import killed
from support.small_project import DAY, DAYS, SmallProject


class Killing:
    """Ends the process when a pass begins a step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def at(self, day: dt.date, step: Step) -> None:
        """Told of each slice; a pass is at one step."""
        if day == DAY:
            self._progress(step)

    def ended(self, slice_: Backfilled, left: Sequence[PlannedSlice]) -> None:
        """Nothing to do."""


def main(fatal: str, slices: int, roots: list[Path]) -> None:
    results = []
    for root in roots:
        small = SmallProject(root)
        spark = start(small.project.environment.spark, "killed")
        before = len(small.evaluated())
        result = one_slice(spark, small, fatal) if slices == 1 else a_pass(spark, small, fatal, slices)
        results.append({**result, "asked": len(set(small.evaluated()[before:]))})
    sys.stdout.write(json.dumps(results) + "\n")


def one_slice(spark: SparkSession, small: SmallProject, fatal: str) -> dict[str, Any]:
    return score(spark, small.project, "orders", DAY, progress=killed(fatal)).as_json()


def a_pass(spark: SparkSession, small: SmallProject, fatal: str, slices: int) -> dict[str, Any]:
    found = plan_backfill(lambda: spark, small.project, "orders", DAY, DAYS[slices - 1])
    watcher = Killing(killed(fatal))
    return backfill(spark, small.project, found, together=slices, watcher=watcher, stop=Stop()).as_json()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), [Path(argument) for argument in sys.argv[3:]])
