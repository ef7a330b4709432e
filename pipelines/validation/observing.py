"""What the one pass observes for rules and gates, as named aggregates that fit into a single row."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.expressions.masks import has_bit
from pipelines.expressions.rendering import is_judged
from pipelines.expressions.rules import Rule
from pipelines.validation.gates import Gate, aggregate_column

Metrics = Mapping[str, Any]


@lru_cache(maxsize=64)
def aggregates(rules: tuple[Rule, ...], gates: tuple[Gate, ...]) -> tuple[Column, ...]:
    """A column for each number that the verdict needs: rows, broken and judged rows of each rule, gates' aggregates."""
    columns = [F.count(F.lit(1)).alias("rows")]
    for position, rule in enumerate(rules):
        columns.append(F.count_if(has_bit(position)).alias(f"broken_{position}"))
        columns.append(F.count_if(is_judged(rule)).alias(f"judged_{position}"))
    columns += [aggregate_column(gate.aggregate).alias(f"gate_{number}") for number, gate in enumerate(gates)]
    return tuple(columns)
