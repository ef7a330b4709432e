"""How many texts of a source can be read as the types that are said of its columns, counted over all rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import combinations
from operator import add

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.config import Source
from pipelines.errors import UnguessedError
from pipelines.expressions.names import column, unread_of
from pipelines.expressions.rules import RECORD
from pipelines.expressions.text_values import read_as
from pipelines.inputs.text_files import read_text, texts_beside

DATE_FORMATS = ("yyyy-MM-dd", "dd.MM.yyyy", "dd/MM/yyyy", "MM/dd/yyyy", "yyyy/MM/dd", "yyyyMMdd")


def count_unread(frame: DataFrame, name: str) -> dict[str, tuple[int, int]]:
    """By column that has a type: how many rows have a text there, and how many of these texts cannot be read.

    Args:
        frame: as `read_text` gives it.
        name: the source's.
    """
    counts, items = [], texts_beside(frame, name)
    for place, item in enumerate(items):
        bad = F.count(column(f"{unread_of(name)}.{item}"))
        good = F.count(F.lit(1)) - bad if item == RECORD else F.count(column(item))
        counts += [good.alias(f"good_{place}"), bad.alias(f"bad_{place}")]
    row = frame.agg(*counts).first()
    assert row is not None  # noqa: S101 - an aggregate has one row
    return {item: (row[f"good_{place}"] + row[f"bad_{place}"], row[f"bad_{place}"]) for place, item in enumerate(items)}


def find_date_format(
    spark: SparkSession, name: str, location: str, source: Source, dates: Sequence[str]
) -> tuple[str, str]:
    """The format that reads most texts of some columns as dates; and what was seen.

    Args:
        spark: the session.
        name: the source's.
        location: where it is.
        source: how it is read.
        dates: the columns.

    Raises:
        UnguessedError: two formats read as many, and make other dates of them.
    """
    texts = source.model_copy(update={"columns": {**source.columns, **dict.fromkeys(dates, "string")}})
    frame = read_text(spark, name, location, texts)

    def read(item: str, pattern: str) -> Column:
        return read_as(column(item), T.DateType(), source.text.model_copy(update={"date_format": pattern}))

    def summed(counts: Sequence[Column], place: int) -> Column:
        return reduce(add, counts).alias(str(place))

    row = frame.agg(
        *[summed([F.count(read(item, one)) for item in dates], place) for place, one in enumerate(DATE_FORMATS)],
        summed([F.count(column(item)) for item in dates], len(DATE_FORMATS)),
    ).first()
    assert row is not None  # noqa: S101 - an aggregate has one row
    *counts, texts_there = row
    best = [one for one, count in zip(DATE_FORMATS, counts, strict=True) if count == max(counts) and count]
    for one, other in combinations(best, 2):
        differs = reduce(
            add, [F.count_if(read(item, one).isNotNull() & (read(item, one) != read(item, other))) for item in dates]
        )
        if frame.agg(differs).collect()[0][0]:
            raise UnguessedError(
                f"the dates in {', '.join(dates)} can be read in two ways",
                expected=f"{one} or {other}",
                remedy=f"say which by --text date_format={one} or --text date_format={other}",
            )
    if not best:
        return source.text.date_format, ""
    return best[0], f"dates as {best[0]}: {max(counts)} of {texts_there}"
