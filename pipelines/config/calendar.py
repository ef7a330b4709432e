"""The days that have a slice: every one, weekdays, a list, or those of a cron expression."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
EVERY_DAY, WORKING_DAYS = "all", "weekdays"
_WORKING_DAYS_A_WEEK = 5
_CRON_FIELDS = 5


def _known(value: str) -> str:
    if value in (EVERY_DAY, WORKING_DAYS):
        return value
    from croniter import croniter  # takes a while to import, and few need it

    if len(value.split()) != _CRON_FIELDS or not croniter.is_valid(_at_midnight(value)):
        raise ValueError(
            f"'{EVERY_DAY}', '{WORKING_DAYS}', a list of weekdays and dates such as [monday, 2026-12-24], or a cron "
            "expression of five fields, of which the last three tell the days, such as '* * 1 * *'"
        )
    return value


Days = Annotated[str, AfterValidator(_known)] | Annotated[tuple[dt.date | Weekday, ...], Field(min_length=1)]
"""Which days have a slice."""


def is_among(day: dt.date, days: str | Collection[dt.date | str]) -> bool:
    """Whether a day is one of those that are configured.

    >>> christmas = dt.date(2026, 12, 25)  # a Friday
    >>> is_among(christmas, "weekdays"), is_among(christmas, "* * 1,25 * *"), is_among(christmas, ("monday",))
    (True, True, False)
    """
    if not isinstance(days, str):
        return day in days or WEEKDAYS[day.weekday()] in days
    if days == EVERY_DAY:
        return True
    if days == WORKING_DAYS:
        return day.weekday() < _WORKING_DAYS_A_WEEK
    from croniter import croniter

    return bool(croniter.match(_at_midnight(days), dt.datetime.combine(day, dt.time())))


def _at_midnight(cron: str) -> str:
    """The cron expression of the same days, at midnight."""
    return " ".join(["0", "0", *cron.split()[2:]])
