"""Columns by their plain names, whatever characters those hold."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.expressions.rules import FEATURES, RECORD, UNREAD


@lru_cache(maxsize=4096)
def column(name: str) -> Column:
    """The column of that name; `__features.x` is the feature x, `__unread_s.x` the text of x that cannot be read.

    Remembered, as building columns is many calls into the JVM.
    """
    prefix, dot, field = name.partition(".")
    if dot and (prefix == FEATURES or prefix.startswith(UNREAD)):
        return F.col(prefix)[field]
    return F.col(quoted(name))


def quoted(name: str) -> str:
    """The name as an SQL identifier.

    >>> quoted("a b")
    '`a b`'
    """
    return "`" + name.replace("`", "``") + "`"


def label(name: str) -> str:
    """The name as a person knows it.

    >>> label("__features.hour"), label("hour"), label("__unread_orders.amount"), label("__unread_orders.__record")
    ('feature hour', 'hour', 'amount', 'record')
    """
    prefix, dot, field = name.partition(".")
    if dot and prefix == FEATURES:
        return f"feature {field}"
    if dot and prefix.startswith(UNREAD):
        return "record" if field == RECORD else field
    return name


def is_unread(name: str) -> bool:
    """Whether a column holds texts that cannot be read, beside the columns of a text source."""
    return name.startswith(UNREAD)


def unread_of(source: str) -> str:
    """The column that holds the texts of a source which cannot be read."""
    return f"{UNREAD}{source}"


def unread_among(names: Iterable[str]) -> list[str]:
    """Those of some columns that hold texts which cannot be read."""
    return [name for name in names if is_unread(name)]
