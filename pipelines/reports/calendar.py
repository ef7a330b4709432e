"""A pipeline day by day: what is published of each, what was tried since, and the slices that are missing."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low

from pipelines.tables.ledger import Entry

TROUBLE = ("rejected", "failed", "conflict", "started")
"""How a run stands that somebody should look at, unless a later one was published."""
_WEEK = 7
_OFTEN = 2


@dataclass(frozen=True)
class Rhythm:
    """When a pipeline usually has a slice.

    Args:
        step: the number of days from one to the next: 7 of a pipeline that runs once a week.
        weekdays: of a daily one, those on which it ever has one; Monday is 0.
    """

    step: int = 1
    weekdays: frozenset[int] = frozenset(range(_WEEK))

    def missing(self, early: dt.date, late: dt.date) -> list[dt.date]:
        """The dates between two slices of which one would be expected.

        A step that is longer than usual by less than half is none the less one step: months differ, and a weekly run
        may come a day late.

        >>> [day.day for day in Rhythm(7).missing(dt.date(2024, 3, 1), dt.date(2024, 3, 23))]
        [8, 15]
        """
        return self._after(early, round((late - early).days / self.step) - 1)

    def expected(self, newest: dt.date, today: dt.date) -> list[dt.date]:
        """The dates since the newest slice and before today of which one would be expected."""
        return self._after(newest, ((today - newest).days - 1) // self.step)

    def _after(self, day: dt.date, steps: int) -> list[dt.date]:
        days = (day + dt.timedelta(days=self.step * number) for number in range(1, steps + 1))
        return [found for found in days if self.step > 1 or found.weekday() in self.weekdays]


@dataclass(frozen=True)
class Calendar:
    """The days that a pipeline is configured to have a slice of.

    Args:
        has_slice: whether it has one of a day.
    """

    has_slice: Callable[[dt.date], bool]

    def missing(self, early: dt.date, late: dt.date) -> list[dt.date]:
        """The dates between two slices of which one is due.

        >>> working = Calendar(lambda day: day.weekday() < 5)
        >>> [day.day for day in working.missing(dt.date(2024, 3, 1), dt.date(2024, 3, 6))]
        [4, 5]
        """
        between = (early + dt.timedelta(days=number) for number in range(1, (late - early).days))
        return [day for day in between if self.has_slice(day)]

    expected = missing
    """The dates since the newest slice and before today of which one is due."""


def rhythm_of(dates: Sequence[dt.date]) -> Rhythm:
    """The rhythm of dates in order; a weekday that came by twice without one is one on which there is none.

    >>> rhythm_of([dt.date(2024, 3, day) for day in (1, 2, 3, 7)]).step
    1
    """
    steps = [(later - earlier).days for earlier, later in pairwise(dates)]
    if not steps:
        return Rhythm()
    days = [dates[0] + dt.timedelta(days=number) for number in range((dates[-1] - dates[0]).days + 1)]
    rare = {weekday for weekday, times in Counter(day.weekday() for day in days).items() if times >= _OFTEN}
    return Rhythm(median_low(steps), frozenset(range(_WEEK)) - (rare - {day.weekday() for day in dates}))


def missing_dates(dates: Sequence[dt.date], calendar: Calendar | None = None) -> list[dt.date]:
    """The dates between these, which are in order, of which there would be one by a calendar, else by their rhythm."""
    rhythm = calendar or rhythm_of(dates)
    return [day for early, late in pairwise(dates) for day in rhythm.missing(early, late)]


@dataclass(frozen=True)
class Day:
    """One date; or several of which by the pipeline's rhythm there would be slices, and of which nothing is known.

    Args:
        first: the date.
        last: the same, or the last of several.
        missing: how many slices would be there and are not.
        published: the run that is the slice.
        later: runs of it that are not, and began after the one that is; oldest first.
    """

    first: dt.date
    last: dt.date
    missing: int = 0
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


def days_of(slices: Sequence[Entry], attempts: Iterable[Entry], calendar: Calendar | None = None) -> tuple[Day, ...]:
    """The dates that slices or attempts are of, oldest first, and what is missing between them.

    Args:
        slices: the published run of each slice, oldest first.
        attempts: the last word on every run of those dates, oldest first.
        calendar: tells which days have a slice; by default their rhythm does.
    """
    published = {entry.score_date: entry for entry in slices}
    later: dict[dt.date, list[Entry]] = {}
    for entry in attempts:
        standing = published.get(entry.score_date)
        if standing is None or standing.run_id < entry.run_id:
            later.setdefault(entry.score_date, []).append(entry)
    rhythm = calendar or rhythm_of([*published])
    found: list[Day] = []
    for day in sorted({*published, *later}):
        gap = rhythm.missing(found[-1].last, day) if found else []
        if gap:
            found.append(Day(gap[0], gap[-1], len(gap)))
        run = published.get(day)
        is_missing = run is None and (calendar is None or calendar.has_slice(day))
        found.append(Day(day, day, int(is_missing), run, tuple(later.get(day, ()))))
    return tuple(found)
