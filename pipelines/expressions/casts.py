"""What a cast can lose of a value, and whether it does."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.expressions.text_patterns import NOT_FINITE, fixed_number, floating_number

_SIZES = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
_DECIDED_BY_TRYING = (T.IntegralType, T.BooleanType, T.DateType, T.TimestampType, T.TimestampNTZType)


def can_lose(found: T.DataType, wanted: T.DataType, *, tries: bool) -> bool:
    """Whether a cast can change a value without an error: drop a fraction, overflow, or make a null of a text.

    That a number takes the nearest of its floating point type is no loss here, as in SQL's own implicit casts.

    Args:
        found: the type of the value.
        wanted: the type that it is cast to.
        tries: whether it is TRY_CAST, which gives null where CAST ends with an error.

    >>> can_lose(T.DoubleType(), T.IntegerType(), tries=False), can_lose(T.IntegerType(), T.DoubleType(), tries=True)
    (True, False)
    >>> can_lose(T.LongType(), T.IntegerType(), tries=False), can_lose(T.LongType(), T.IntegerType(), tries=True)
    (False, True)
    """
    match found, wanted:
        case T.StringType(), (T.FloatType() | T.DoubleType() | T.DecimalType()):
            loses = True  # 12D becomes 12, 1e400 infinite, and decimals are rounded
        case T.StringType(), _:
            loses = tries and isinstance(wanted, _DECIDED_BY_TRYING)
        case T.DecimalType(), T.DecimalType():
            has_room = wanted.precision - wanted.scale >= found.precision - found.scale
            loses = wanted.scale < found.scale or (tries and not has_room)
        case T.IntegralType(), T.DecimalType():
            loses = tries
        case T.IntegralType(), T.IntegralType():
            loses = tries and _SIZES.index(type(wanted)) < _SIZES.index(type(found))
        case _:
            loses = (
                (isinstance(found, T.FractionalType) and isinstance(wanted, T.IntegralType | T.DecimalType))
                or (isinstance(found, T.NumericType) and isinstance(wanted, T.BooleanType))
                or (isinstance(found, T.DoubleType) and isinstance(wanted, T.FloatType))
            )
    return loses


def keeps(value: Column, found: T.DataType, wanted: T.DataType) -> Column:
    """Whether a cast keeps a value; true, never null, where there is none.

    Args:
        value: what is cast.
        found: its type.
        wanted: the type that it is cast to.
    """
    return value.isNull() | F.coalesce(_keeps(value, value.try_cast(wanted), found, wanted), F.lit(False))


def _keeps(value: Column, cast: Column, found: T.DataType, wanted: T.DataType) -> Column:
    match found, wanted:
        case T.StringType(), (T.FloatType() | T.DoubleType()):
            bare = F.trim(value)
            is_number = bare.rlike(rf"^{floating_number('.', '')}\z") & _is_finite(cast)
            kept = is_number | bare.rlike(rf"^(?i:{NOT_FINITE})\z")
        case T.StringType(), T.DecimalType():
            kept = F.trim(value).rlike(rf"^{fixed_number('.', '', wanted.scale)}\z") & cast.isNotNull()
        case T.DecimalType(), T.IntegralType():
            kept = cast.isNotNull() & (value % F.lit(1) == F.lit(0))
        case T.DecimalType(), T.DecimalType():
            kept = cast == value
        case T.FractionalType(), (T.IntegralType() | T.DecimalType()):
            kept = cast.cast(found) == value
        case T.DoubleType(), T.FloatType():
            kept = _is_finite(cast) | ~_is_finite(value)
        case T.NumericType(), T.BooleanType():
            kept = value.isin(0, 1)
        case _:
            kept = cast.isNotNull()
    return kept


def _is_finite(number: Column) -> Column:
    return F.abs(number) < F.lit(float("inf"))
