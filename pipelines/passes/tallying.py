"""What is counted of complete stages: of a small one by Arrow, of larger ones by Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import types as T

from pipelines.passes.attempt_folder import RUN
from pipelines.passes.table_rows import read_stages
from pipelines.resolution.preparation import Prepared
from pipelines.tables.locations import local_path
from pipelines.tables.stages import Stage
from pipelines.validation.observing import tallies
from pipelines.validation.small_stages import (
    MOST_BYTES,
    are_told_apart,
    count_rows_and_bits,
    look_at_rows,
    read_bits,
    read_kinds,
)
from pipelines.validation.stage import own_aggregates


@dataclass(frozen=True)
class Tallied:
    """What was counted of a complete stage.

    Args:
        numbers: its rows, those that break each rule, and those of each population, by name.
        look: what else its audit asks; None where checks speak of the slice as a whole: the audit then looks itself.
    """

    numbers: Mapping[str, Any]
    look: Mapping[str, Any] | None


def tally(spark: SparkSession, stages: Sequence[Stage], schema: T.StructType, prepared: Prepared) -> dict[str, Tallied]:
    """The rows of stages, and those that break each rule or that it judges, by the run's id: counted from bits.

    Args:
        spark: the session.
        stages: complete ones, of one schema.
        schema: theirs.
        prepared: what they were made with.
    """
    found = {stage.run_id: counted for stage in stages if (counted := _tallied_by_arrow(stage, prepared)) is not None}
    left = [stage for stage in stages if stage.run_id not in found]
    return found | _tallied_by_spark(spark, left, schema, prepared) if left else found


def _tallied_by_arrow(stage: Stage, prepared: Prepared) -> Tallied | None:
    """What is counted of a small local stage; None of another, and where Arrow would count otherwise."""
    folder, checks = local_path(stage.rows), prepared.checks
    if folder is None or stage.size_bytes() > MOST_BYTES or not are_told_apart(prepared.keys):
        return None
    key, outputs = [field.name for field in prepared.keys], prepared.output_types.names
    try:
        bits = read_bits(folder)
        if bits is None:
            return None
        numbers = count_rows_and_bits(bits, checks.rules, checks.stage_rules)
        if checks.on_stage:
            return Tallied(numbers, None)
        kinds = read_kinds(folder, key, outputs)
        return None if kinds is None else Tallied(numbers, look_at_rows(*kinds, key, outputs))
    except (pa.ArrowException, KeyError):  # a type that only Spark knows, a name that is a path for Arrow
        return None


def _tallied_by_spark(
    spark: SparkSession, stages: Sequence[Stage], schema: T.StructType, prepared: Prepared
) -> dict[str, Tallied]:
    checks, key = prepared.checks, [field.name for field in prepared.keys]
    asked = {} if checks.on_stage else dict(own_aggregates(key, prepared.output_types, checks))
    # By itself: among other aggregates, a distinct one would have all of them kept for each key.
    keys = asked.pop("keys", None)
    numbers = [*tallies(checks.rules, checks.stage_rules), *asked.values()]
    rows, run_ids = read_stages(spark, stages, schema), [stage.run_id for stage in stages]
    distinct = {} if keys is None else _aggregated(rows, run_ids, [keys])
    return {
        run_id: Tallied(
            {name: number for name, number in found.items() if name not in asked},
            {**{name: found[name] for name in asked}, **distinct[run_id]} if asked else None,
        )
        for run_id, found in _aggregated(rows, run_ids, numbers).items()
    }


def _aggregated(rows: DataFrame, run_ids: Sequence[str], numbers: Sequence[Column]) -> dict[str, dict[str, Any]]:
    """Aggregates over staged rows, by the run's id; those of no rows too."""
    if len(run_ids) == 1:
        row = rows.agg(*numbers).first()
        return {run_ids[0]: {} if row is None else row.asDict()}
    found = {row.pop(RUN): row for row in (row.asDict() for row in rows.groupBy(RUN).agg(*numbers).collect())}
    if len(found) < len(run_ids):
        of_none = rows.limit(0).agg(*numbers).first()
        found = dict.fromkeys(run_ids, {} if of_none is None else of_none.asDict()) | found
    return found
