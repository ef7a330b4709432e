"""A row's key as a person types it, and as the tables hold it."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from deltalake import DeltaTable

from pipelines.errors import UsageError, did_you_mean
from pipelines.tables.locations import for_delta_rs


def key_of(words: Sequence[str], names: Sequence[str], predictions: str, timezone: str) -> dict[str, Any]:
    """The key that words give: `NAME=VALUE` each, or values in the order of the pipeline's key.

    Where what stands before a `=` can be no column's plain name, it belongs to the value: `50%/x=y` is one.

    Args:
        words: as typed; one alone may hold all, separated by commas.
        names: the pipeline's key columns.
        predictions: where the predictions table is, which tells the columns' types.
        timezone: in which a time is meant that names no zone of its own.

    Returns:
        Each key column's value, of the type that the table has.

    Raises:
        UsageError: a column is unknown, missing or given twice, or a value is not of its type.
    """
    if len(words) == 1 and len(names) > 1:
        words = words[0].split(",")
    given: dict[str, str] = {}
    for place, word in enumerate(words):
        name, is_named, value = word.partition("=")
        if not is_named or not (name in names or name.isidentifier()):
            name, value = names[place] if place < len(names) else "", word
        if name not in names:
            raise UsageError(
                f"the key has no column '{name}'" if name else f"the key has {len(names)} columns",
                expected=_usage(names),
                found=" ".join(words),
                remedy=_advice(name, word, names) if name else None,
            )
        if name in given:
            raise UsageError(f"the key's column '{name}' is given twice", expected=_usage(names), found=" ".join(words))
        given[name] = value
    missing = [name for name in names if name not in given]
    if missing:
        raise UsageError(
            f"the key lacks {', '.join(missing)}", expected=_usage(names), found=" ".join(words) or "nothing"
        )
    schema = pa.schema(DeltaTable(for_delta_rs(predictions)).schema())
    return {name: _typed(name, given[name], schema.field(name).type, timezone) for name in names}


def words_of(row: Mapping[str, object], names: Sequence[str]) -> list[str]:
    """The words that give the key of a row, for `key_of`; whatever else the row has is left aside.

    Args:
        row: values by name.
        names: the pipeline's key columns.

    >>> words_of({"id": 7, "late": True, "day": dt.date(2013, 7, 1)}, ["day", "id"])
    ['day=2013-07-01', 'id=7']
    """
    return [f"{name}={_spelled(row[name])}" for name in names if name in row]


def _spelled(value: object) -> str:
    """A value as `key_of` reads it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _advice(name: str, word: str, names: Sequence[str]) -> str:
    return f"{did_you_mean(name, names)}; where '{word}' is the value itself, write {names[0]}={word}"


def _usage(names: Sequence[str]) -> str:
    return " ".join(f"{name}=…" for name in names)


def _typed(name: str, text: str, kind: pa.DataType, timezone: str) -> Any:
    try:
        if pa.types.is_timestamp(kind) and kind.tz is not None:
            return _moment(text, timezone)
        return _text(text).cast(kind)[0].as_py()
    except (pa.ArrowNotImplementedError, ValueError) as error:  # ArrowInvalid is a ValueError
        raise UsageError(f"the key's column '{name}' has another type", expected=str(kind), found=text) from error


def _moment(text: str, timezone: str) -> dt.datetime:
    """A moment in UTC; of two that the clocks show alike, in autumn, the first.

    >>> _moment("2026-07-01 09:30", "America/New_York").isoformat()
    '2026-07-01T13:30:00+00:00'
    """
    time = dt.datetime.fromisoformat(text)
    return (time.replace(tzinfo=ZoneInfo(timezone)) if time.tzinfo is None else time).astimezone(dt.UTC)


def _text(value: str) -> pa.StringArray:
    """One text as an array: pyarrow imports pandas before it takes a plain value."""
    content = value.encode()
    offsets = struct.pack("=ii", 0, len(content))
    return pa.StringArray.from_buffers(1, pa.py_buffer(offsets), pa.py_buffer(content))
