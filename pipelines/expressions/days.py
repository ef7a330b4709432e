"""The day of a date or a time."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T


def day_of(kind: T.DataType, value: Column, timezone: str) -> Column:
    """The score date of a row by the value of the slice's column: a date as it stands, a time's day in the zone.

    Args:
        kind: the column's type.
        value: the column.
        timezone: the pipeline's.
    """
    if isinstance(kind, T.TimestampType):
        return F.to_date(F.from_utc_timestamp(value, timezone))  # the session is in UTC
    return F.to_date(value)
