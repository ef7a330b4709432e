"""Columns by their plain names, whatever characters those hold."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.expressions.rules import FEATURES


def column(name: str) -> Column:
    """The column of that name; `__features.x` is the feature x."""
    prefix, dot, feature = name.partition(".")
    if dot and prefix == FEATURES:
        return F.col(FEATURES)[feature]
    return F.col(quoted(name))


def quoted(name: str) -> str:
    """The name as an SQL identifier.

    >>> quoted("a b")
    '`a b`'
    """
    return "`" + name.replace("`", "``") + "`"


def label(name: str) -> str:
    """The name as a person knows it.

    >>> label("__features.hour"), label("hour")
    ('feature hour', 'hour')
    """
    prefix, dot, feature = name.partition(".")
    return f"feature {feature}" if dot and prefix == FEATURES else name
