"""How a table may be sliced and keyed: guesses from its columns and rows, each with its evidence."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.config.models import is_reserved
from pipelines.errors import UnguessedError, UsageError, did_you_mean
from pipelines.expressions.names import column, quoted
from pipelines.inputs.text_features import LITERALS
from pipelines.onboarding.personal_columns import personal_columns
from pipelines.validation.conditions import literal

DATE_FORMATS = (
    "yyyy-MM-dd",
    "yyyy/MM/dd",
    "M/d/yyyy",
    "d/M/yyyy",
    "d.M.yyyy",
    "yyyyMMdd",
    "MMM d yyyy",
    "d-MMM-yyyy",
    "d-MMM-yy",
    "yyyy-MM-dd HH:mm:ss[.SSSSSSSSS][XXX]",
    "yyyy-MM-dd'T'HH:mm:ss[.SSSSSSSSS][XXX]",
    "yyyy/MM/dd HH:mm",
)
"""How texts spell dates, in Spark's patterns; the one that reads most rows is taken, of several the first."""
PROFILED_DAYS = 28
"""The newest dates, of those that have rows, that a suite is suggested from."""
MOST_KEY_COLUMNS = 4
MOST_CANDIDATES = 12
"""Columns that are tried for a key: each costs a count of distinct values."""
_DAY = "__day"
_NAME_IN_TABLES = re.compile(r"[^\W\d]\w*")
"""Names that every reader's SQL takes as they stand."""
_ORDER = ("date", "time", "text", "parts")
"""Ways to tell a date, the plainest first."""
_SAYS_DATE = re.compile(r"(^|_)(date|day|dt|time|timestamp|ts)(_|$)", re.IGNORECASE)
_SAYS_KEY = re.compile(r"(^|[_ ])(id|key|number|no|code|uuid)$|[a-z]I[dD]$")
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
        profiled_from: the first of the newest dates that a suite is suggested from.
        warning: which rows no score date finds, or what else may be wrong; empty where nothing is.
    """

    column: str | None
    selection: tuple[str, str]
    day: str
    evidence: str
    first: dt.date
    last: dt.date
    rows: int
    profiled_from: dt.date
    warning: str = ""


@dataclass(frozen=True)
class KeyProposal:
    """The columns that identify a row within its date, and what was seen of them.

    Args:
        columns: of the key, as the source calls them.
        evidence: what was seen, in a line.
        warning: that they do not tell all rows apart, where they do not.
        key_from: of those that the tables must call otherwise, their names there, each with the source's.
    """

    columns: tuple[str, ...]
    evidence: str
    warning: str = ""
    key_from: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns as the tables call them."""
        of = {source: name for name, source in self.key_from.items()}
        return tuple(of.get(column, column) for column in self.columns)


@dataclass(frozen=True)
class _Way:
    """A way in which a column may tell a date.

    Args:
        column: which one; of several, the day's.
        kind: date, time, text or parts.
        day: the SQL expression of the date.
        pattern: how texts spell it; empty for the other kinds.
    """

    column: str
    kind: str
    day: str
    pattern: str = ""


def propose_date(frame: DataFrame, wanted: str | None) -> DateProposal:
    """The column that best tells a row's date: a date, a time, or a text that reads as one; the one with fewest gaps.

    Dates that are personal data, such as one of birth, are no date of a row unless a person says so.

    Args:
        frame: the table.
        wanted: the column that a person named, if one did.

    Raises:
        UnguessedError: no column tells a date.
        UsageError: there is no such column, or the table is empty.
    """
    if wanted is not None and wanted not in frame.columns:
        raise UsageError(f"the source has no column '{wanted}'", remedy=did_you_mean(wanted, frame.columns))
    personal = personal_columns(frame.columns)
    names = [wanted] if wanted is not None else [name for name in frame.columns if name not in personal]
    ways = [way for name in names for way in _ways(frame, name)]
    if wanted is None:
        ways += _in_parts(frame)
    counts = [_seen(way, place) for place, way in enumerate(ways)]
    row = frame.agg(F.count(F.lit(1)).alias("rows"), *[item for several in counts for item in several]).first()
    assert row is not None  # noqa: S101 - an aggregate has one row
    rows = row["rows"]
    if not rows:
        raise UsageError("the source has no rows", remedy="write some first: date, key and suite are found from them")
    found = [place for place in range(len(ways)) if row[f"dated_{place}"] * 2 > rows]
    if not found:
        raise UnguessedError(
            "no column of the source tells a date" if wanted is None else f"column '{wanted}' holds no dates",
            expected=f"a date, a time, or a text such as {', '.join(DATE_FORMATS[:4])}",
            found=", ".join(f"{field.name} {field.dataType.simpleString()}" for field in frame.schema),
            remedy="name one by --date-column, or score the whole table each day by --snapshot",
        )

    def rank(place: int) -> tuple[int, int, bool, int]:
        way = ways[place]
        return (-row[f"dated_{place}"], _ORDER.index(way.kind), not _SAYS_DATE.search(way.column), place)

    place = min(found, key=rank)
    way, dated, given = ways[place], row[f"dated_{place}"], row[f"given_{place}"]
    days, newest, counted = _days(frame, way.day)
    first, last = row[f"first_{place}"], newest[0]
    evidence = f"{way.kind}, {days} days from {first} to {last}" + _gaps(way, rows - given, given - dated)
    also = [
        ways[other].pattern
        for other in found
        if other != place and ways[other].column == way.column and row[f"dated_{other}"] == dated
    ]
    if way.pattern and also:
        evidence += f", read as {way.pattern}; {' and '.join(also)} fits as well"
    selection = ("column", way.column) if way.kind in ("date", "time") else ("where", f"{way.day} = :score_date")
    warning = _warning(way, rows - dated, also if way.pattern else [])
    return DateProposal(way.column, selection, way.day, evidence, first, last, counted, newest[-1], warning)


def whole_table(frame: DataFrame, today: dt.date) -> DateProposal:
    """Each score date reads all rows: a table that is a snapshot, such as all customers."""
    evidence = "a snapshot: every score date scores the whole table as it is then"
    selection = ("where", ":score_date IS NOT NULL")
    return DateProposal(None, selection, f"DATE'{today.isoformat()}'", evidence, today, today, frame.count(), today)


def _days(frame: DataFrame, day: str) -> tuple[int, list[dt.date], int]:
    """How many days have rows, the newest of them, and how many rows the last one has."""
    per_day = frame.groupBy(F.expr(day).alias(_DAY)).count().where(F.col(_DAY).isNotNull())
    newest = F.slice(F.sort_array(F.collect_list(_DAY), asc=False), 1, PROFILED_DAYS)
    row = per_day.agg(F.count(_DAY), newest, F.max_by("count", _DAY)).first()
    assert row is not None  # noqa: S101 - an aggregate has one row
    return row[0], row[1], row[2]


def propose_key(frame: DataFrame, date: DateProposal, wanted: Sequence[str]) -> KeyProposal:
    """The fewest columns that tell every row of a date from the others; columns that are named like keys first.

    Columns that are named like personal data are tried only where the others do not suffice: keys are not masked.

    Args:
        frame: the table.
        date: how rows are dated.
        wanted: the columns that a person named, if one did; they are counted all the same.

    Raises:
        UnguessedError: no few columns identify a row.
        UsageError: there is no such column.
    """
    for name in wanted:
        if name not in frame.columns:
            raise UsageError(f"the source has no column '{name}'", remedy=did_you_mean(name, frame.columns))
    rows = frame.withColumn(_DAY, F.expr(date.day)).where(F.col(_DAY).isNotNull())
    if wanted:
        found = _distinct(rows, [tuple(wanted)])
        return key_proposal(tuple(wanted), found[tuple(wanted)], found[()], frame.columns)
    personal = personal_columns(frame.columns)
    names = sorted(
        (field.name for field in frame.schema if isinstance(field.dataType, _KEYS)),
        key=lambda name: (not _SAYS_KEY.search(name), name != date.column, frame.columns.index(name)),
    )
    impersonal = [name for name in names if name not in personal][:MOST_CANDIDATES]
    if date.column is not None and date.column not in (*impersonal, *personal):
        impersonal.append(date.column)
    last_resort = [name for name in names if name in personal][: MOST_CANDIDATES // 2]
    best = _best_key(rows, impersonal)
    if not best.is_unique and last_resort:
        best = _best_key(rows, [*impersonal[: MOST_CANDIDATES - len(last_resort)], *last_resort])
    if best.is_unique:
        return key_proposal(best.columns, best.distinct, best.rows, frame.columns)
    described = f"{', '.join(best.columns)}: {_counted(best.distinct, best.rows)}"
    raise UnguessedError(
        f"no combination of up to {MOST_KEY_COLUMNS} columns identifies a row within its date",
        expected="columns without nulls whose values no two rows of a date share",
        found=f"the best is {described}" if best.columns else "no column of a type that a key may have",
        remedy="name the key by --key, or number the rows where the source is written",
    )


@dataclass(frozen=True)
class _Distinct:
    """How many rows some columns tell apart."""

    columns: tuple[str, ...]
    distinct: int
    rows: int

    @property
    def is_unique(self) -> bool:
        return bool(self.columns) and self.distinct == self.rows


def _best_key(rows: DataFrame, names: Sequence[str]) -> _Distinct:
    """The columns that tell most rows apart: one more each time, the one that adds most, until no rows are alike."""
    best = _Distinct((), 0, 0)
    for _ in range(min(MOST_KEY_COLUMNS, len(names))):
        sets = [(*best.columns, name) for name in names if name not in best.columns]
        tried = _distinct(rows, sets)
        columns = max(sets, key=lambda one: (tried[one], -sets.index(one)))
        best = _Distinct(columns, tried[columns], tried[()])
        if best.is_unique:
            break
    return best


def key_proposal(columns: tuple[str, ...], distinct: int, rows: int, taken: Sequence[str]) -> KeyProposal:
    """What is proposed of these columns, with names for the tables.

    Args:
        columns: as the source calls them.
        distinct: how many rows they tell apart.
        rows: of how many.
        taken: all of the source's columns.
    """
    warning = "" if distinct == rows > 1 else f"key {', '.join(columns)}: {_counted(distinct, rows)}"
    key_from: dict[str, str] = {}
    for name in columns:
        if is_reserved(name) or not _NAME_IN_TABLES.fullmatch(name):
            key_from[_name_in_tables(name, [*taken, *key_from])] = name
    return KeyProposal(columns, _counted(distinct, rows), warning, key_from)


def _name_in_tables(name: str, taken: Sequence[str]) -> str:
    """A name like the source's, that a Delta table may have, SQL takes without quotes, and no other column has.

    >>> _name_in_tables("Order Number", ["Order Number"]), _name_in_tables("run_id", ["run_id", "run_id_key"])
    ('order_number', 'key_run_id')
    """
    plain = re.sub(r"\W+", "_", name).strip("_").lower()
    plain = plain if _NAME_IN_TABLES.fullmatch(plain) else f"key_{plain}".strip("_")
    folded = {other.lower() for other in taken}
    numbered = (f"key_{plain}_{number}" for number in itertools.count(2))
    candidates = itertools.chain([plain, f"{plain}_key", f"key_{plain}"], numbered)
    return next(one for one in candidates if one not in folded and not is_reserved(one))


def _ways(frame: DataFrame, name: str) -> list[_Way]:
    """How a column may tell a date."""
    kind, sql = frame.schema[name].dataType, plain(name)
    if isinstance(kind, T.DateType):
        return [_Way(name, "date", sql)]
    if isinstance(kind, T.TimestampType | T.TimestampNTZType):
        return [_Way(name, "time", f"CAST({sql} AS DATE)")]
    if isinstance(kind, T.StringType):
        return [
            _Way(name, "text", f"CAST(try_to_timestamp({sql}, {literal(pattern)}) AS DATE)", pattern)
            for pattern in DATE_FORMATS
        ]
    return []


def _in_parts(frame: DataFrame) -> list[_Way]:
    """Year, month and day in whole numbers of their own."""
    by_name = {field.name.lower(): field.name for field in frame.schema if isinstance(field.dataType, T.IntegralType)}
    if not {"year", "month", "day"} <= set(by_name):
        return []
    # Not concat_ws, which leaves out a part that is null: what is left reads as the first of a month.
    parts = " || '-' || ".join(plain(by_name[part]) for part in ("year", "month", "day"))
    return [_Way(by_name["day"], "parts", f"TRY_CAST({parts} AS DATE)")]


def _gaps(way: _Way, missing: int, unread: int) -> str:
    """The rows without a date: those with nothing there, and those with what reads as none."""
    described = f", {_rows(missing)} without" if missing else ""
    return described + (f", {_rows(unread)} not readable as {way.pattern or 'a date'}" if unread else "")


def _warning(way: _Way, undated: int, also: Sequence[str]) -> str:
    parts = []
    if undated:
        parts.append(f"{_rows(undated)} without a date in '{way.column}': of no slice, and never scored")
    if also:
        other = " and ".join(also)
        parts.append(
            f"the dates in '{way.column}' fit {way.pattern}, which is taken, and {other}: check which is meant"
        )
    return "; ".join(parts)


def _rows(number: int) -> str:
    return f"{number} {'row' if number == 1 else 'rows'}"


def _seen(way: _Way, place: int) -> list[Column]:
    day = F.expr(way.day)
    return [
        F.count(column(way.column)).alias(f"given_{place}"),
        F.count(day).alias(f"dated_{place}"),
        F.min(day).alias(f"first_{place}"),
    ]


def _distinct(rows: DataFrame, sets: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    """How many rows each set of columns tells apart within its date; of all rows by the empty set."""

    def described(columns: tuple[str, ...]) -> Column:
        given = reduce(Column.__and__, [column(name).isNotNull() for name in columns])
        return F.count_distinct(F.when(given, F.struct(_DAY, *map(column, columns))))

    row = rows.agg(F.count(F.lit(1)), *map(described, sets)).first()
    assert row is not None  # noqa: S101 - an aggregate has one row
    return {(): row[0], **dict(zip(sets, row[1:], strict=True))}


def _counted(distinct: int, rows: int) -> str:
    if rows == 1:
        return "a guess from one row"
    described = f"{distinct} distinct in {rows} rows, within a date"
    return described if distinct == rows else f"{described}: not unique, and a slice with such rows is not published"


def plain(name: str) -> str:
    """The column in SQL, in backticks only where it needs them.

    >>> plain("day"), plain("wind speed"), plain("größe"), plain("null")
    ('day', '`wind speed`', '`größe`', '`null`')
    """
    is_name = re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) and name.lower() not in LITERALS
    return name if is_name else quoted(name)
