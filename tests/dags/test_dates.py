from __future__ import annotations

import datetime as dt

import pytest

from dags.scoring.dates import score_date
from pipelines.errors import UsageError

NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("moment", "zone", "lag", "expected"),
    [
        ("2013-07-02T10:00+00:00", NEW_YORK, 1, "2013-07-01"),
        ("2013-07-02T03:59+00:00", NEW_YORK, 0, "2013-07-01"),  # still the evening before
        ("2013-07-02T04:00+00:00", NEW_YORK, 0, "2013-07-02"),
        ("2013-07-02T23:00+00:00", "Asia/Tokyo", 0, "2013-07-03"),
        ("2013-03-10T06:59+00:00", NEW_YORK, 0, "2013-03-10"),  # the night in which an hour is left out
        ("2013-01-01T10:00+00:00", "UTC", 1, "2012-12-31"),
        ("2024-03-01T10:00+00:00", "UTC", 1, "2024-02-29"),
    ],
)
def test_the_score_date_is_the_day_of_the_run_where_the_pipeline_is_less_the_lag(
    moment: str, zone: str, lag: int, expected: str
) -> None:
    observed = score_date({"score_date": None}, dt.datetime.fromisoformat(moment), zone, lag)
    assert observed == dt.date.fromisoformat(expected)


def test_the_parameter_wins_and_has_no_lag() -> None:
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert score_date({"score_date": "2013-07-01"}, moment, NEW_YORK, 3) == dt.date(2013, 7, 1)


@pytest.mark.parametrize("given", ["yesterday", "2013-02-30", "01.07.2013", "2013-07"])
def test_what_is_no_date_is_told(given: str) -> None:
    with pytest.raises(UsageError, match="score_date is no date") as error:
        score_date({"score_date": given}, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "UTC", 0)
    assert f"found: {given}" in str(error.value)
