"""How long a warm slice takes, and where the time goes: `python -m benchmarks.warm_slice [SLICES]`.

Scores that many days of July 2013 in one session, into a warehouse of its own beside the demo's inputs and registry
(`make demo` first), and prints each slice's seconds by step, with the medians of those after the tenth.
"""

from __future__ import annotations

import datetime as dt
import statistics
import sys
import tempfile
import time
from pathlib import Path

from pipelines.config import load_project
from pipelines.runs.scoring import score
from pipelines.runs.tables import create_tables
from pipelines.spark import start

COLD = 10
"""Slices that are scored before any is counted."""


def main(slices: int) -> None:
    """Score, measure, print."""
    project = load_project(Path(__file__).parents[1] / "conf")
    with tempfile.TemporaryDirectory() as warehouse:
        environment = project.environment.model_copy(update={"warehouse": warehouse})
        project = project.model_copy(update={"environment": environment})
        spark = start(environment.spark, "warm slice")
        create_tables(spark, project, "flight_delays")
        measured: list[dict[str, float]] = []
        for number in range(slices):
            begin = time.perf_counter()
            result = score(spark, project, "flight_delays", dt.date(2013, 7, 1) + dt.timedelta(days=number))
            seconds = {"total": time.perf_counter() - begin, **result.timings}
            measured.append(seconds)
            print(
                f"{result.score_date} " + " ".join(f"{step} {took:.2f}" for step, took in seconds.items()), flush=True
            )
        warm = measured[COLD:] or measured
        print(f"\nmedian of {len(warm)} slices" + (f" after the first {COLD}" if measured[COLD:] else ""))
        for step in warm[0]:
            values = [seconds[step] for seconds in warm]
            print(f"  {step:<11}{statistics.median(values):6.2f} s   least {min(values):.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 20)
