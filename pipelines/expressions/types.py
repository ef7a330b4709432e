"""Which types a value may have to be taken as another without losing anything."""

from __future__ import annotations

from pyspark.sql import types as T

_WIDER: dict[type[T.DataType], tuple[type[T.DataType], ...]] = {
    T.ByteType: (T.ShortType, T.IntegerType, T.LongType, T.FloatType, T.DoubleType),
    T.ShortType: (T.IntegerType, T.LongType, T.FloatType, T.DoubleType),
    T.IntegerType: (T.LongType, T.DoubleType),
    T.LongType: (T.DoubleType,),
    T.FloatType: (T.DoubleType,),
    T.DecimalType: (T.DoubleType,),
    T.DateType: (T.TimestampType,),
    T.TimestampNTZType: (T.TimestampType,),
    T.CharType: (T.StringType,),
    T.VarcharType: (T.StringType,),
}

CANNOT_HOLD_NULL = (T.BooleanType, T.ByteType, T.ShortType, T.IntegerType, T.LongType)
"""Types for which a model's input has no way to say that a value is missing."""


def is_widened_by(found: T.DataType, wanted: T.DataType) -> bool:
    """Whether a value of the type found can be cast to the type wanted in Spark without a loss.

    BIGINT and DECIMAL to DOUBLE count as such, as in SQL's own implicit casts.
    """
    match found, wanted:
        case T.ArrayType(), T.ArrayType():
            nulls_fit = wanted.containsNull or not found.containsNull
            return nulls_fit and is_widened_by(found.elementType, wanted.elementType)
        case T.MapType(), T.MapType():
            nulls_fit = wanted.valueContainsNull or not found.valueContainsNull
            return nulls_fit and found.keyType == wanted.keyType and is_widened_by(found.valueType, wanted.valueType)
        case T.StructType(), T.StructType():
            return found.names == wanted.names and all(
                is_widened_by(one.dataType, other.dataType) for one, other in zip(found, wanted, strict=True)
            )
    return found == wanted or type(wanted) in _WIDER.get(type(found), ())
