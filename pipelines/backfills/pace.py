"""How long runs take: a line through rows and seconds, by the ledger's record of earlier ones."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.runs.progress import by_step
from pipelines.tables.ledger import Entry

MOST_RUNS = 50
"""Of the newest: machines and models change."""
FEWEST_FOR_A_LINE = 5


@dataclass(frozen=True)
class Pace:
    """What a run of so many rows is likely to take.

    Args:
        fixed_seconds: whatever the number of rows.
        seconds_per_row: besides.
        usual_rows: how many rows slices have, in the middle.
        runs: how many runs tell of it.
        sampled_rows: how many rows of a sample tell of it, where no run does.
    """

    fixed_seconds: float
    seconds_per_row: float
    usual_rows: int
    runs: int
    sampled_rows: int = 0

    def seconds(self, rows: int) -> float:
        """How long a run of so many rows is likely to take."""
        return round(self.fixed_seconds + rows * self.seconds_per_row, 1)


def pace_of(published: Sequence[Entry]) -> Pace | None:
    """The pace of the newest of these runs; None where there is none that tells. Those without a row do not.

    A line through rows and seconds where their sizes differ enough to draw one (least squares), else their median.
    """
    timed = [
        (entry.rows_input, sum(by_step(entry.seconds()).values()))
        for entry in published
        if entry.rows_input and entry.timings is not None
    ][-MOST_RUNS:]
    if not timed:
        return None
    rows, seconds = zip(*timed, strict=True)
    usual, middle = int(statistics.median(rows)), float(statistics.median(seconds))
    if len(timed) >= FEWEST_FOR_A_LINE and max(rows) >= 2 * min(rows):
        line = statistics.linear_regression(rows, seconds)
        if line.slope > 0 and line.intercept > 0:
            return Pace(line.intercept, line.slope, usual, len(timed))
    return Pace(middle, 0.0, usual, len(timed))
