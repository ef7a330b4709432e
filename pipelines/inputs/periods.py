"""Periods of score dates."""

from __future__ import annotations

import datetime as dt

from pipelines.errors import UsageError


def days_of(first: dt.date, last: dt.date) -> list[dt.date]:
    """The dates of a period, both ends included.

    Raises:
        UsageError: it ends before it begins.
    """
    if last < first:
        raise UsageError(
            "the period ends before it begins", expected="--from on or before --to", found=f"{first} {last}"
        )
    return [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
