"""Gates as data: what a batch as a whole must satisfy, and the aggregate that tells."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.expressions.names import column
from pipelines.expressions.rules import Severity


@dataclass(frozen=True)
class Bounds:
    """A range of numbers; a bound that is None is open, a strict one does not belong to the range."""

    minimum: float | None = None
    maximum: float | None = None
    strict_minimum: bool = False
    strict_maximum: bool = False

    def hold(self, value: float | None) -> bool:
        """Whether the value is within the bounds; a missing value or NaN is not.

        >>> Bounds(1, 3, strict_maximum=True).hold(3)
        False
        """
        if value is None or math.isnan(value):
            return False
        if self.minimum is not None and (value <= self.minimum if self.strict_minimum else value < self.minimum):
            return False
        return self.maximum is None or (value < self.maximum if self.strict_maximum else value <= self.maximum)

    def __str__(self) -> str:
        low = "" if self.minimum is None else f"{'>' if self.strict_minimum else '>='} {self.minimum:.15g}"
        high = "" if self.maximum is None else f"{'<' if self.strict_maximum else '<='} {self.maximum:.15g}"
        return " and ".join(part for part in (low, high) if part)


@dataclass(frozen=True)
class Aggregate:
    """One number about a batch, exact in a single pass."""

    function: Literal["rows", "min", "max", "mean", "stdev", "sum", "share_of_non_null", "rows_outside_set"]
    column: str | None = None
    values: tuple[str | int | float | bool, ...] = ()


@dataclass(frozen=True)
class Gate:
    """One batch-level check: an aggregate within bounds."""

    id: str
    aggregate: Aggregate
    bounds: Bounds
    severity: Severity


@dataclass(frozen=True)
class SchemaGate:
    """A check of the batch's columns, which needs no data.

    Args:
        id: the check's id.
        columns: the columns that must be there.
        exact: whether there may be no others.
        severity: what its failure means.
    """

    id: str
    columns: tuple[str, ...]
    exact: bool
    severity: Severity

    def differences(self, found: Collection[str]) -> list[str]:
        """The columns that are missing, and with `exact` those that are too many."""
        missing = [f"missing {name}" for name in self.columns if name not in found]
        return missing + ([f"unexpected {name}" for name in found if name not in self.columns] if self.exact else [])


def aggregate_column(aggregate: Aggregate) -> Column:
    """The aggregate as a Spark Column, with the meaning that Great Expectations gives it on Spark."""
    if aggregate.column is None:
        return F.count(F.lit(1))
    value = column(aggregate.column)
    outside = value.isNotNull() & ~value.isin(list(aggregate.values))
    by_function = {
        "rows": lambda: F.count(value),
        "min": lambda: F.min(value).cast("double"),
        "max": lambda: F.max(value).cast("double"),
        "mean": lambda: F.avg(value),
        "stdev": lambda: F.stddev_samp(value),
        "sum": lambda: F.sum(value).cast("double"),
        "share_of_non_null": lambda: F.avg(value.isNotNull().cast("double")),
        "rows_outside_set": lambda: F.count_if(outside),
    }
    return by_function[aggregate.function]()
