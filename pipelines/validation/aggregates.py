"""Gates' aggregates rendered to Spark Columns, with the meaning that Great Expectations gives them on Spark."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.expressions.names import column
from pipelines.expressions.rendering import meets
from pipelines.validation.gates import Aggregate

EXACT = 2**31 - 1
"""The accuracy of a percentile with which it is exact for less than two thousand million rows."""


def value_of(aggregate: Aggregate) -> Column:
    """The value that is aggregated, null where the condition does not hold."""
    value = F.lit(1) if aggregate.column is None else column(aggregate.column)
    return value if aggregate.condition is None else F.when(meets(aggregate.condition), value)


def in_pass(aggregate: Aggregate, among: Column | None = None) -> Column:
    """An aggregate that the one pass computes as it goes.

    Args:
        aggregate: which.
        among: of which rows; by default of all.
    """
    value = value_of(aggregate) if among is None else F.when(among, value_of(aggregate))
    if aggregate.of_times:
        value = value.cast("timestamp_ntz")  # PySpark would give a timestamp in the machine's own zone
    rows = F.lit(1) if aggregate.condition is None else F.when(meets(aggregate.condition), 1)
    rows = rows if among is None else F.when(among, rows)
    by_function = {
        "rows": lambda: F.count(value),
        "min": lambda: F.min(value),
        "max": lambda: F.max(value),
        "mean": lambda: F.avg(value),
        "stdev": lambda: F.stddev_samp(value),
        "sum": lambda: F.sum(value.cast("double")),
        "share_of_non_null": lambda: F.coalesce(F.count(value) / F.nullif(F.count(rows), F.lit(0)), F.lit(0.0)),
    }
    return by_function[aggregate.function]()


def is_in_set(aggregate: Aggregate, value: Column) -> Column:
    """Whether a value is of the aggregate's set."""
    return value.isin(list(aggregate.values)) if aggregate.values else F.lit(False)


def on_stage(aggregate: Aggregate, value: Column, kind: T.DataType) -> Column:
    """An aggregate over values that the stage holds.

    Args:
        aggregate: which.
        value: the staged values.
        kind: their type.
    """
    number = (
        F.when(~F.isnan(value), value)
        if isinstance(kind, T.FractionalType) and not isinstance(kind, T.DecimalType)
        else value
    )
    of_set = is_in_set(aggregate, value)
    by_function = {
        "distinct": lambda: F.count_distinct(value),
        "share_of_distinct": lambda: F.coalesce(
            F.count_distinct(value) / F.nullif(F.count(value), F.lit(0)), F.lit(0.0)
        ),
        "distinct_of_set": lambda: F.struct(
            F.count_distinct(F.when(~of_set, value)).alias("outside"),
            F.count_distinct(F.when(of_set, value)).alias("inside"),
        ),
        # The two middle values: that at one half, and that just above it.
        "median": lambda: F.aggregate(
            F.percentile_approx(number, [0.5, 0.5 + 1e-12], EXACT), F.lit(0.0), lambda total, one: total + one / 2
        ),
        "quantiles": lambda: F.percentile_approx(number, list(aggregate.quantiles), EXACT),
    }
    return by_function[aggregate.function]()
