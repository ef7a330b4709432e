"""Scores a slice of small projects; ends its own process by SIGKILL when a given step begins.

Usage: killed_run.py STEP PROJECT…, where the step may be `none`. Prints one line of JSON for all that became of them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from faults.at_steps import killed
from small_project import DAY, SmallProject

from pipelines.runs.scoring import score
from pipelines.spark import start


def main(fatal: str, roots: list[Path]) -> None:
    results = []
    for root in roots:
        small = SmallProject(root)
        spark = start(small.project.environment.spark, "killed")
        before = len(small.evaluated())
        result = score(spark, small.project, "orders", DAY, progress=killed(fatal))
        results.append({**result.as_json(), "asked": len(set(small.evaluated()[before:]))})
    sys.stdout.write(json.dumps(results) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], [Path(argument) for argument in sys.argv[2:]])
