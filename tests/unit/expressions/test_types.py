"""Which casts lose nothing."""

from __future__ import annotations

import pytest
from pyspark.sql import types as T

from pipelines.expressions.types import is_widened_by

LOSSLESS = [
    (T.IntegerType(), T.IntegerType()),
    (T.ByteType(), T.FloatType()),
    (T.ShortType(), T.IntegerType()),
    (T.IntegerType(), T.LongType()),
    (T.IntegerType(), T.DoubleType()),
    (T.LongType(), T.DoubleType()),
    (T.FloatType(), T.DoubleType()),
    (T.DecimalType(10, 2), T.DoubleType()),
    (T.DateType(), T.TimestampType()),
    (T.VarcharType(5), T.StringType()),
    (T.ArrayType(T.DoubleType(), containsNull=False), T.ArrayType(T.DoubleType(), containsNull=True)),
]
LOSSY = [
    (T.LongType(), T.IntegerType()),
    (T.IntegerType(), T.FloatType()),
    (T.DoubleType(), T.FloatType()),
    (T.DoubleType(), T.LongType()),
    (T.StringType(), T.DoubleType()),
    (T.DoubleType(), T.StringType()),
    (T.BooleanType(), T.IntegerType()),
    (T.TimestampType(), T.DateType()),
    (T.ArrayType(T.DoubleType()), T.DoubleType()),
    (T.DecimalType(10, 2), T.DecimalType(10, 1)),
]


def name(kind: T.DataType) -> str:
    return kind.simpleString()


@pytest.mark.parametrize(("found", "wanted"), LOSSLESS, ids=name)
def test_a_wider_type_takes_every_value(found: T.DataType, wanted: T.DataType) -> None:
    assert is_widened_by(found, wanted)


@pytest.mark.parametrize(("found", "wanted"), LOSSY, ids=name)
def test_a_narrower_or_other_type_does_not(found: T.DataType, wanted: T.DataType) -> None:
    assert not is_widened_by(found, wanted)
