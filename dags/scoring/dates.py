"""Which day a DAG run scores."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.errors import UsageError


def score_date(params: Mapping[str, Any], moment: dt.datetime, timezone: str, lag_days: int) -> dt.date:
    """The parameter `score_date`; without it, the day of the run in the pipeline's time zone less the lag.

    Never a data interval: of a cron schedule it is empty, and of a run by hand it means nothing.

    Args:
        params: the DAG run's parameters.
        moment: the run's logical date; of a run that has none, when it was due.
        timezone: the pipeline's, by its IANA name.
        lag_days: the pipeline's.

    Raises:
        UsageError: the parameter is no date.

    >>> score_date({}, dt.datetime(2013, 7, 2, 3, tzinfo=dt.UTC), "America/New_York", lag_days=1)
    datetime.date(2013, 6, 30)
    """
    given = params.get("score_date")
    if not given:
        return moment.astimezone(ZoneInfo(timezone)).date() - dt.timedelta(days=lag_days)
    try:
        return dt.date.fromisoformat(str(given))
    except ValueError as error:
        raise UsageError(
            "the parameter score_date is no date", expected="YYYY-MM-DD, such as 2013-07-01", found=given
        ) from error
