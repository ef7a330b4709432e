"""The part of a source that a slice reads, as the log and data files tell of it: by partition values and statistics."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from pipelines.tables.commit_log import FileAction

STATISTICS_STEP = dt.timedelta(milliseconds=1)
"""Delta's statistics cut times to milliseconds: the greatest may be larger by less than this."""
_LEAST = dt.timedelta(microseconds=1)
_ISO_DATE = len("2000-01-01")


@dataclass(frozen=True)
class Reach:
    """The dates that a slice reads. A date of a time is its day in a time zone, from midnight to the next.

    Args:
        column: the column of dates or times; what is held against a file of the log must have its physical name.
        first: the first date.
        last: the last date.
        timezone: in which the days are meant, by its IANA name.
        has_zone: whether times are moments; else they are the clock's, as they stand. Dates are compared as they stand.
    """

    column: str
    first: dt.date
    last: dt.date
    timezone: str = "UTC"
    has_zone: bool = True

    @cached_property
    def moments(self) -> tuple[dt.datetime, dt.datetime]:
        """When the first date begins and when the last one is over, in UTC.

        >>> begin, end = Reach("at", dt.date(2026, 3, 8), dt.date(2026, 3, 8), "America/New_York").moments
        >>> begin.isoformat(), end - begin == dt.timedelta(hours=23)
        ('2026-03-08T05:00:00+00:00', True)
        """
        return midnight(self.first, self.timezone), midnight(self.last + dt.timedelta(days=1), self.timezone)

    def holds(self, value: str | None) -> bool:
        """Whether a partition's value lies within."""
        found = _parsed(str(value))
        return found is not None and self._overlaps(found, found)

    def touched_by(self, file: FileAction) -> bool:
        """Whether the file may hold rows of the slice: yes unless its partition or its statistics say no."""
        if file.partition and self.column in file.partition:
            return self.holds(file.partition[self.column])
        if file.stats is None:
            return True
        low, high = (_parsed(str(file.stats.get(bound, {}).get(self.column))) for bound in ("minValues", "maxValues"))
        if low is None or high is None:
            return True
        return self._overlaps(low, high + STATISTICS_STEP - _LEAST if isinstance(high, dt.datetime) else high)

    def _overlaps(self, low: dt.date, high: dt.date) -> bool:
        """Whether any of the values from one to the other, dates or times, lies within."""
        if not isinstance(low, dt.datetime) or not isinstance(high, dt.datetime):
            return low <= self.last and self.first <= high
        if self.has_zone:
            begin, end = self.moments
            return _in_utc(low) < end and begin <= _in_utc(high)
        return low.replace(tzinfo=None).date() <= self.last and self.first <= high.replace(tzinfo=None).date()


def midnight(day: dt.date, timezone: str) -> dt.datetime:
    """The moment at which a day begins in a time zone, in UTC; where clocks skip midnight, that at which they do.

    >>> midnight(dt.date(2018, 11, 4), "America/Sao_Paulo").isoformat()
    '2018-11-04T03:00:00+00:00'
    """
    return dt.datetime.combine(day, dt.time(), ZoneInfo(timezone)).astimezone(dt.UTC)


@lru_cache(maxsize=65_536)
def _parsed(text: str) -> dt.date | None:
    """A date, or a time, as logs and data files spell them; None for anything else.

    Remembered, as each slice of a period is held against all files.
    """
    try:
        return dt.date.fromisoformat(text) if len(text) == _ISO_DATE else dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def _in_utc(time: dt.datetime) -> dt.datetime:
    """A moment in UTC, in which the log means times that name no zone."""
    return time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)
