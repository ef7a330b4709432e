"""A pipeline day by day: what is published of each, what was tried since, and the days of which there is nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low

from pipelines.tables.ledger import Entry

TROUBLE = ("rejected", "failed", "conflict", "started")
"""How a run stands that somebody should look at, unless a later one was published."""


@dataclass(frozen=True)
class Day:
    """One date; or, where nothing is known of them, several in a row.

    Args:
        first: the date.
        last: the same, or the last of several.
        published: the run that is the slice.
        later: runs of it that are not, and began after the one that is; oldest first.
    """

    first: dt.date
    last: dt.date
    published: Entry | None = None
    later: tuple[Entry, ...] = ()

    @property
    def run(self) -> Entry | None:
        """The run that is the slice; where there is none, the last that was tried."""
        return self.published or (self.later[-1] if self.later else None)

    @property
    def trouble(self) -> Entry | None:
        """The last run, if it did not come to a good end; a slice that was taken back is no news."""
        last = self.later[-1] if self.later else None
        return last if last is not None and last.state in TROUBLE else None


def days_of(slices: Sequence[Entry], attempts: Iterable[Entry]) -> tuple[Day, ...]:
    """The dates that slices or attempts are of, oldest first, and the gaps between them.

    Args:
        slices: the published run of each slice.
        attempts: the last word on every run of those dates, oldest first.
    """
    published = {entry.score_date: entry for entry in slices}
    later: dict[dt.date, list[Entry]] = {}
    for entry in attempts:
        standing = published.get(entry.score_date)
        if standing is None or standing.run_id < entry.run_id:
            later.setdefault(entry.score_date, []).append(entry)
    known = sorted({*published, *later})
    usual = usual_step(known)
    found: list[Day] = []
    for day in known:
        if found and (day - found[-1].last).days > usual:
            found.append(Day(found[-1].last + dt.timedelta(days=1), day - dt.timedelta(days=1)))
        found.append(Day(day, day, published.get(day), tuple(later.get(day, ()))))
    return tuple(found)


def usual_step(dates: Sequence[dt.date]) -> int:
    """The usual number of days between dates in order: 7 of a pipeline that runs once a week.

    >>> usual_step([dt.date(2024, 3, day) for day in (1, 2, 3, 7)])
    1
    """
    steps = [(later - earlier).days for earlier, later in pairwise(dates)]
    return median_low(steps) if steps else 1
