"""How a table may be sliced and keyed: guesses from its columns and rows, each with its evidence."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.errors import UsageError, did_you_mean
from pipelines.expressions.names import column, quoted

DATE_FORMATS = (
    "yyyy-MM-dd",
    "yyyy/MM/dd",
    "MM/dd/yyyy",
    "dd.MM.yyyy",
    "yyyyMMdd",
    "MMM d yyyy",
    "yyyy-MM-dd HH:mm:ss",
    "yyyy/MM/dd HH:mm",
)
"""How texts spell dates, in the order in which they are tried."""
MOST_KEY_COLUMNS = 4
MOST_CANDIDATES = 12
"""Columns that are tried for a key: each costs a count of distinct values."""
_DAY = "__day"
_ORDER = ("date", "time", "text", "parts")
"""Ways to tell a date, the plainest first."""
_SAYS_DATE = re.compile(r"(^|_)(date|day|dt|time|timestamp|ts)(_|$)", re.IGNORECASE)
_SAYS_KEY = re.compile(r"(^|[_ ])(id|key|number|no|code|uuid)$|[a-z]I[dD]$")
_SAYS_PERSONAL = re.compile(
    r"e?mail(address)?$|phone|mobile(number)?$|(first|last|middle|full|sur|maiden)name|^surname|street|^address|postaladdress"
    r"|^ssn$|socialsecurity|passport|iban$|taxid|dateofbirth|birthdate|birthday|^dob$",
    re.IGNORECASE,
)
_KEYS = (T.StringType, T.IntegralType, T.DecimalType, T.DateType, T.TimestampType, T.TimestampNTZType)


@dataclass(frozen=True)
class DateProposal:
    """How a score date finds its rows.

    Args:
        column: the column that tells the date; None where the whole table is read each day.
        selection: `column` or `where` of the pipeline's slice, and its value.
        day: the SQL expression of a row's date.
        evidence: what was seen, in a line.
        first: the first date that has rows.
        last: the last one.
        rows: how many rows that one has.
    """

    column: str | None
    selection: tuple[str, str]
    day: str
    evidence: str
    first: dt.date
    last: dt.date
    rows: int


@dataclass(frozen=True)
class KeyProposal:
    """The columns that identify a row within its date, and what was seen of them."""

    columns: tuple[str, ...]
    evidence: str


def propose_date(frame: DataFrame, wanted: str | None) -> DateProposal:
    """The column that best tells a row's date: a date, a time, or a text that reads as one; the one with fewest gaps.

    Args:
        frame: the table.
        wanted: the column that a person named, if one did.

    Raises:
        UsageError: there is no such column, or none that tells a date.
    """
    if wanted is not None and wanted not in frame.columns:
        raise UsageError(f"the source has no column '{wanted}'", remedy=did_you_mean(wanted, frame.columns))
    names = [wanted] if wanted is not None else frame.columns
    ways = [(name, kind, day) for name in names for kind, day in _ways(frame, name)]
    if wanted is None:
        ways += _in_parts(frame)
    counts = [_seen(F.expr(day), place) for place, (_, _, day) in enumerate(ways)]
    row = frame.agg(F.count(F.lit(1)).alias("rows"), *[item for several in counts for item in several]).first()
    assert row is not None  # noqa: S101 - an aggregate has one row
    rows = row["rows"]
    if not rows:
        raise UsageError("the source has no rows", remedy="land some, so that date, key and suite can be told")
    found = [(place, *way) for place, way in enumerate(ways) if row[f"dated_{place}"] * 2 > rows]
    if not found:
        raise UsageError(
            "no column of the source tells a date" if wanted is None else f"column '{wanted}' holds no dates",
            expected=f"a date, a time, or a text such as {', '.join(DATE_FORMATS[:4])}",
            found=", ".join(f"{field.name} {field.dataType.simpleString()}" for field in frame.schema),
            remedy="name one by --date-column, or score the whole table each day by --snapshot",
        )

    def rank(way: tuple[int, str, str, str]) -> tuple[int, int, bool, int]:
        place, name, kind, _ = way
        return (-row[f"dated_{place}"], _ORDER.index(kind), not _SAYS_DATE.search(name), place)

    place, name, kind, day = min(found, key=rank)
    first, last = row[f"first_{place}"], row[f"last_{place}"]
    gaps = rows - row[f"dated_{place}"]
    days, newest = _days(frame, day)
    evidence = f"{kind}, {days} days from {first} to {last}" + (f", {gaps} rows without" if gaps else "")
    selection = ("column", name) if kind == "date" else ("where", f"{day} = :score_date")
    return DateProposal(name, selection, day, evidence, first, last, newest)


def whole_table(frame: DataFrame, today: dt.date) -> DateProposal:
    """Each score date reads all rows: a table that is a snapshot, such as all customers."""
    evidence = "a snapshot: every score date scores the whole table as it is then"
    selection = ("where", ":score_date IS NOT NULL")
    return DateProposal(None, selection, f"DATE'{today.isoformat()}'", evidence, today, today, frame.count())


def personal_columns(names: Sequence[str]) -> list[str]:
    """The columns that are named as personal data often is: addresses, names of people, numbers of documents.

    >>> personal_columns(["id", "E-Mail", "first_name", "phoneNumber", "street", "carrier_name", "mailings"])
    ['E-Mail', 'first_name', 'phoneNumber', 'street']
    """
    return [name for name in names if _SAYS_PERSONAL.search(re.sub(r"[\W_]+", "", name))]


def _days(frame: DataFrame, day: str) -> tuple[int, int]:
    """How many days have rows, and how many rows the newest of them has."""
    per_day = frame.groupBy(F.expr(day).alias(_DAY)).count().where(F.col(_DAY).isNotNull())
    row = per_day.agg(F.count(_DAY), F.max_by("count", _DAY)).first()
    assert row is not None  # noqa: S101 - an aggregate has one row
    return row[0], row[1]


def propose_key(frame: DataFrame, date: DateProposal, wanted: Sequence[str]) -> KeyProposal:
    """The fewest columns that tell every row of a date from the others; columns that are named like keys first.

    Args:
        frame: the table.
        date: how rows are dated.
        wanted: the columns that a person named, if one did; they are counted all the same.

    Raises:
        UsageError: there is no such column, or no few columns identify a row.
    """
    for name in wanted:
        if name not in frame.columns:
            raise UsageError(f"the source has no column '{name}'", remedy=did_you_mean(name, frame.columns))
    rows = frame.withColumn(_DAY, F.expr(date.day)).where(F.col(_DAY).isNotNull())
    if wanted:
        found = _distinct(rows, [tuple(wanted)])
        return KeyProposal(tuple(wanted), _counted(found[tuple(wanted)], found[()]))
    names = sorted(
        (field.name for field in frame.schema if isinstance(field.dataType, _KEYS)),
        key=lambda name: (not _SAYS_KEY.search(name), name != date.column, frame.columns.index(name)),
    )[:MOST_CANDIDATES]
    if date.column is not None and date.column not in names and date.column in frame.columns:
        names.append(date.column)
    best: tuple[str, ...] = ()
    tried: dict[tuple[str, ...], int] = {}
    for _ in range(MOST_KEY_COLUMNS):
        sets = [(*best, name) for name in names if name not in best]
        if not sets:
            break
        tried = _distinct(rows, sets)
        best = max(sets, key=lambda columns: (tried[columns], -sets.index(columns)))
        if tried[best] == tried[()]:
            return KeyProposal(best, _counted(tried[best], tried[()]))
    raise UsageError(
        "no few columns of the source identify a row within its date",
        expected="columns without nulls whose values no two rows of a date share",
        found=f"best: {', '.join(best)}: {_counted(tried[best], tried[()])}" if best else "no column that may be a key",
        remedy="name the key by --key, or give the rows a number where they are landed",
    )


def _ways(frame: DataFrame, name: str) -> list[tuple[str, str]]:
    """How a column may tell a date: the kind of way, and the SQL expression."""
    kind, sql = frame.schema[name].dataType, plain(name)
    if isinstance(kind, T.DateType):
        return [("date", sql)]
    if isinstance(kind, T.TimestampType | T.TimestampNTZType):
        return [("time", f"CAST({sql} AS DATE)")]
    if isinstance(kind, T.StringType):
        return [("text", f"CAST(try_to_timestamp({sql}, '{pattern}') AS DATE)") for pattern in DATE_FORMATS]
    return []


def _in_parts(frame: DataFrame) -> list[tuple[str, str, str]]:
    """Year, month and day in whole numbers of their own."""
    by_name = {field.name.lower(): field.name for field in frame.schema if isinstance(field.dataType, T.IntegralType)}
    if not {"year", "month", "day"} <= set(by_name):
        return []
    parts = ", ".join(plain(by_name[part]) for part in ("year", "month", "day"))
    return [(by_name["day"], "parts", f"TRY_CAST(concat_ws('-', {parts}) AS DATE)")]


def _seen(day: Column, place: int) -> list[Column]:
    return [
        F.count(day).alias(f"dated_{place}"),
        F.min(day).alias(f"first_{place}"),
        F.max(day).alias(f"last_{place}"),
    ]


def _distinct(rows: DataFrame, sets: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    """How many rows each set of columns tells apart within its date; of all rows by the empty set."""

    def told(columns: tuple[str, ...]) -> Column:
        given = reduce(Column.__and__, [column(name).isNotNull() for name in columns])
        return F.count_distinct(F.when(given, F.struct(_DAY, *map(column, columns))))

    row = rows.agg(F.count(F.lit(1)), *map(told, sets)).first()
    assert row is not None  # noqa: S101 - an aggregate has one row
    return {(): row[0], **dict(zip(sets, row[1:], strict=True))}


def _counted(distinct: int, rows: int) -> str:
    told = f"{distinct} distinct in {rows} rows, within a date"
    return told if distinct == rows else f"{told}: not unique, and a slice with such rows is not published"


def plain(name: str) -> str:
    """The column in SQL, in backticks only where it needs them."""
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else quoted(name)
