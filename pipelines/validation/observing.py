"""What the one pass observes for rules and gates, as named aggregates that fit into a single row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.expressions.masks import has_bit
from pipelines.expressions.rendering import is_judged
from pipelines.validation.compiling import Checks
from pipelines.validation.gates import aggregate_column

Metrics = Mapping[str, Any]


def aggregates(checks: Checks) -> list[Column]:
    """One column for each number that the verdict needs: rows, broken and judged rows of each rule, each gate's aggregate."""
    columns = [F.count(F.lit(1)).alias("rows")]
    for position, rule in enumerate(checks.rules):
        columns.append(F.count_if(has_bit(position)).alias(f"broken_{position}"))
        columns.append(F.count_if(is_judged(rule)).alias(f"judged_{position}"))
    columns += [aggregate_column(gate.aggregate).alias(f"gate_{number}") for number, gate in enumerate(checks.gates)]
    return columns
