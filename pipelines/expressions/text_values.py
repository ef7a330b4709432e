"""Texts read as values of a type, by what a text format says of their spelling; nothing is guessed."""

from __future__ import annotations

import re

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.config import TextFormat
from pipelines.expressions.text_patterns import NOT_FINITE, TIMESTAMP, ZONE, fixed_number, floating_number

READABLE = (
    T.StringType,
    T.BooleanType,
    T.IntegralType,
    T.FractionalType,
    T.DateType,
    T.TimestampType,
    T.TimestampNTZType,
)
"""The types that a text can be read as."""


def given(text: Column, spelling: TextFormat) -> Column:
    """The text, or null where it is one of those that stand for a missing value.

    Args:
        text: as it stands in the file.
        spelling: the texts for a missing value.
    """
    return F.when(~text.isin(*spelling.nulls), text) if spelling.nulls else text


def read_as(text: Column, kind: T.DataType, spelling: TextFormat) -> Column:
    """The text as a value of a type; null where it is missing, or cannot be read without a loss.

    Numbers are read with the decimal sign and the groups of the format, and with nothing before or behind them but
    spaces; whole numbers may have zeros as decimals. Dates and timestamps are read by their formats, to the letter.

    Args:
        text: as it stands in the file.
        kind: one of `READABLE`.
        spelling: how the format spells values.
    """
    if isinstance(kind, T.StringType):
        return given(text, spelling)
    bare = given(F.trim(text), spelling)
    if isinstance(kind, T.NumericType):
        return _number(bare, kind, spelling)
    if isinstance(kind, T.DateType):
        return F.try_to_timestamp(bare, F.lit(spelling.date_format)).cast(kind)
    if isinstance(kind, T.TimestampType | T.TimestampNTZType):
        return _timestamp(bare, kind, spelling)
    return bare.try_cast(kind)


def is_unreadable(text: Column, kind: T.DataType, spelling: TextFormat) -> Column:
    """Whether a text is there and cannot be read as a value of the type; never null."""
    return given(F.trim(text), spelling).isNotNull() & read_as(text, kind, spelling).isNull()


def spelled(kind: T.DataType, spelling: TextFormat) -> str:
    """What a text of the type looks like, in words.

    >>> spelled(T.DoubleType(), TextFormat(decimal=",", thousands="."))
    "a text of double, with the decimal sign ',' and groups by '.'"
    >>> spelled(T.DateType(), TextFormat())
    'a text of date, as yyyy-MM-dd'
    """
    text = f"a text of {kind.simpleString()}"
    if isinstance(kind, T.NumericType):
        signs = "" if isinstance(kind, T.IntegralType) else f" the decimal sign '{spelling.decimal}'"
        groups = f" groups by '{spelling.thousands}'" if spelling.thousands else ""
        return f"{text}, with{signs}{' and' if signs and groups else ''}{groups}" if signs or groups else text
    if isinstance(kind, T.DateType):
        return f"{text}, as {spelling.date_format}"
    if isinstance(kind, T.TimestampType | T.TimestampNTZType):
        return f"{text}, as {spelling.timestamp_format or '2024-03-01 12:30:00'}"
    return text


def _number(text: Column, kind: T.DataType, spelling: TextFormat) -> Column:
    decimal, thousands = spelling.decimal, spelling.thousands
    plain = F.regexp_replace(text, re.escape(thousands), "") if thousands else text
    if isinstance(kind, T.IntegralType | T.DecimalType):
        digits = kind.scale if isinstance(kind, T.DecimalType) else 0
        is_one = text.rlike(rf"^{fixed_number(decimal, thousands, digits)}\z")
        if isinstance(kind, T.IntegralType):
            plain = F.regexp_replace(plain, rf"{re.escape(decimal)}0*\z", "")
        return F.when(is_one, _with_point(plain, decimal).try_cast(kind))
    # Spark reads 12D as 12, and what is too large as infinite.
    value = F.when(text.rlike(rf"^{floating_number(decimal, thousands)}\z"), _with_point(plain, decimal).try_cast(kind))
    finite = F.when(F.abs(value) < F.lit(float("inf")), value)
    return F.when(text.rlike(rf"^(?i:{NOT_FINITE})\z"), text.try_cast(kind)).otherwise(finite)


def _with_point(number: Column, decimal: str) -> Column:
    return number if decimal == "." else F.translate(number, decimal, ".")


def _timestamp(text: Column, kind: T.DataType, spelling: TextFormat) -> Column:
    if spelling.timestamp_format is not None:
        return F.try_to_timestamp(text, F.lit(spelling.timestamp_format)).cast(kind)
    zone = "" if isinstance(kind, T.TimestampNTZType) else ZONE
    return F.when(text.rlike(rf"^{TIMESTAMP}{zone}\z"), text.try_cast(kind))
