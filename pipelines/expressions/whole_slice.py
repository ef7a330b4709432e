"""Rules that speak of the slice as a whole: what the stage must hold to judge them, and how they are judged there."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from pyspark.sql import Column, Window
from pyspark.sql import functions as F

from pipelines.expressions.names import column
from pipelines.expressions.rendering import is_judged
from pipelines.expressions.rules import Rule, Unique, ZScoreBelow


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of the sample, of the values that a rule judges; None where there are too few."""

    mean: float | None
    stdev: float | None


def staged_value(rule: Rule, personal: Collection[str]) -> Column:
    """What the stage holds of a row for the rule; null where the row is not judged. Personal values are hashed."""
    if isinstance(rule.check, ZScoreBelow):
        return F.when(is_judged(rule), column(rule.check.column).cast("double"))
    parts = [
        (F.sha2(column(name).cast("string").cast("binary"), 256) if name in personal else column(name)).alias(
            f"_{number}"
        )
        for number, name in enumerate(rule.check.columns)
    ]
    return F.when(is_judged(rule), F.struct(*parts))


def breaks(rule: Rule, value: Column, moments: Moments) -> Column:
    """Whether a staged row breaks the rule; false, never null, where it is not judged.

    Args:
        rule: one of a whole slice.
        value: what `staged_value` gave.
        moments: of the values, which only z-scores need.
    """
    if isinstance(rule.check, Unique):
        return value.isNotNull() & (F.count(F.lit(1)).over(Window.partitionBy(value)) > 1)
    assert isinstance(rule.check, ZScoreBelow)  # noqa: S101 - there are no others
    mean, stdev = moments.mean, moments.stdev
    if mean is None or not stdev or math.isnan(stdev):
        return F.lit(False)
    score = (value - F.lit(mean)) / F.lit(stdev)
    below = (F.abs(score) if rule.check.double_sided else score) < F.lit(float(rule.check.threshold))
    return F.coalesce(~below, F.lit(False))
