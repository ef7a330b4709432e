"""Rows of a Delta table by delta-rs' own query engine: no Spark, and no thread that outlives the read.

pyarrow's dataset would do, but reads through a file system written in Python: its threads may still hold that when the
interpreter ends, which aborts the process after its work is done.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from pipelines.tables.reach import Reach

_PLAIN = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}


Row = Mapping[str, Any]
"""A row of a table, by the names of its columns."""


def read_rows(
    table: DeltaTable, columns: Sequence[str] | None = None, where: str = "TRUE", limit: int | None = None
) -> pa.Table:
    """Some of a table's rows.

    Args:
        table: the table, at its version.
        columns: which columns; all by default.
        where: a condition in SQL, as `equal` and its neighbours make them, joined by AND.
        limit: at most so many rows.
    """
    wanted = "*" if columns is None else ", ".join(quoted(column) for column in columns)
    sql = f"SELECT {wanted} FROM rows WHERE {where}"  # noqa: S608 - names and values are quoted below
    return query(table, sql if limit is None else f"{sql} LIMIT {limit}")


def query(table: DeltaTable, sql: str) -> pa.Table:
    """What a query gives over a table, which it calls `rows`; names and values in it must be quoted."""
    found = _reader(table, sql).read_all()
    return found.cast(pa.schema([field.with_type(_plain(field.type)) for field in found.schema]))


def active_files(table: DeltaTable) -> pa.Table:
    """The table's files at its version, as the log describes them; partition values and statistics in flat columns."""
    return pa.RecordBatchReader.from_stream(table.get_add_actions(flatten=True)).read_all()


def plain_rows(found: pa.Table) -> list[Row]:
    """Rows as plain values.

    pyarrow imports pandas for the first time in a zone that it makes plain, which takes longer than to read a ledger:
    times in UTC, as Delta has them, are given their zone here.
    """
    in_utc = [field.name for field in found.schema if pa.types.is_timestamp(field.type) and field.type.tz == "UTC"]
    types = {name: pa.timestamp(found.schema.field(name).type.unit) for name in in_utc}
    without = pa.schema([field.with_type(types.get(field.name, field.type)) for field in found.schema])
    rows: list[dict[str, Any]] = found.cast(without).to_pylist()
    for row in rows:
        for name in in_utc:
            row[name] = None if row[name] is None else row[name].replace(tzinfo=dt.UTC)
    return [*rows]


def batches(table: DeltaTable, sql: str) -> Iterator[pa.RecordBatch]:
    """The rows of a query, a few thousand at a time, whatever their number; texts may be views."""
    yield from _reader(table, sql)


def _reader(table: DeltaTable, sql: str) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_stream(QueryBuilder().register("rows", table).execute(sql))


def columns_of(table: DeltaTable) -> frozenset[str]:
    """The names of a table's columns."""
    return frozenset(field.name for field in table.schema().fields)


Value = str | int | float | Decimal | dt.date
"""What a condition may compare a column with; a `bool` is an int, a `datetime` a date."""


def equal(column: str, value: Value) -> str:
    """The condition that a column holds a value.

    >>> print(equal("origin", "O'Hare"))
    "origin" = 'O''Hare'
    """
    return f"{quoted(column)} = {_literal(value)}"


def between(column: str, least: dt.date, greatest: dt.date) -> str:
    """The condition that a column lies between two dates, both included."""
    return f"{quoted(column)} BETWEEN {_literal(least)} AND {_literal(greatest)}"


def within(column: str, kind: pa.DataType, reach: Reach) -> str:
    """The condition that a column of dates or times lies on the dates that a slice reads.

    Args:
        column: its name.
        kind: its type.
        reach: the dates.
    """
    if not pa.types.is_timestamp(kind):
        return between(column, reach.first, reach.last)
    if kind.tz is None:
        begin, end = f"{reach.first}T00:00:00", f"{reach.last + dt.timedelta(days=1)}T00:00:00"
    else:
        begin, end = (moment.isoformat() for moment in reach.moments)
    return f"{quoted(column)} >= TIMESTAMP '{begin}' AND {quoted(column)} < TIMESTAMP '{end}'"


def earlier(column: str, day: dt.date) -> str:
    """The condition that a column is earlier than a date."""
    return f"{quoted(column)} < {_literal(day)}"


def one_of(column: str, values: Sequence[str]) -> str:
    """The condition that a column holds one of the values; none fits no row."""
    return f"{quoted(column)} IN ({', '.join(_literal(value) for value in values)})" if values else "FALSE"


def quoted(column: str) -> str:
    """A column's name in SQL."""
    return '"' + column.replace('"', '""') + '"'


def _literal(value: Value) -> str:
    if isinstance(value, dt.datetime):
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    if isinstance(value, dt.date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, int | float | Decimal):
        return str(value)
    return "'" + value.replace("'", "''") + "'"


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type without views, which not every reader of Arrow knows."""
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind])
    return _PLAIN.get(kind, kind)
