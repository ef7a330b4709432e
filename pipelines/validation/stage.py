"""The checks of a slice as a whole: what the stage holds for them, and one look at it that answers them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, reduce
from operator import or_
from types import MappingProxyType
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.expressions.names import column
from pipelines.expressions.rules import Scalar
from pipelines.expressions.whole_slice import Moments, staged_value
from pipelines.transforms.staging import MODEL_RAISED, broken_on_stage, gate_value, rule_value
from pipelines.validation.aggregates import on_stage, value_of
from pipelines.validation.compiling import Checks
from pipelines.validation.gates import MostCommonInSet
from pipelines.validation.observing import Observed


@dataclass(frozen=True)
class RuleCounts:
    """What the pass has counted for a rule that is judged on the stage.

    Args:
        judged: the rows that it judges.
        elements: the rows that its condition leaves.
        mean: of the values that it judges; None where it needs none.
        stdev: their standard deviation; None where it needs none.
    """

    judged: int
    elements: int
    mean: float | None
    stdev: float | None


def stage_values(checks: Checks, personal: tuple[str, ...]) -> dict[str, Column]:
    """What the checks need of each row, by the names that the stage gives it."""
    rules = {rule_value(number): staged_value(rule, personal) for number, rule in enumerate(checks.stage_rules)}
    return rules | {gate_value(number): value_of(gate.aggregate) for number, gate in enumerate(checks.stage_gates)}


def counted_for_stage(checks: Checks, observed: Observed) -> dict[str, RuleCounts]:
    """What the pass has counted for the rules that are judged on the stage."""
    return {
        rule.id: RuleCounts(observed.judged(rule), observed.elements(rule), **asdict(observed.moments(position)))
        for position, rule in enumerate(checks.stage_rules)
    }


def moments_of(counted: Mapping[str, RuleCounts]) -> dict[str, Moments]:
    """Means and standard deviations by the rules' ids."""
    return {rule_id: Moments(counts.mean, counts.stdev) for rule_id, counts in counted.items()}


def sizes_of(counted: Mapping[str, RuleCounts]) -> dict[str, tuple[int, int]]:
    """Judged rows and elements by the rules' ids."""
    return {rule_id: (counts.judged, counts.elements) for rule_id, counts in counted.items()}


def look_at(rows: DataFrame, checks: Checks, others: Sequence[Column] = ()) -> dict[str, Any]:
    """One look at a stage for all checks of the slice as a whole, and for whatever else is asked of it.

    Args:
        rows: the stage, judged by the rules of the slice as a whole.
        checks: those that are answered on the stage.
        others: other aggregates, named.

    Returns:
        One row of aggregates by name: `stage_rule_N`, `stage_gate_N`, and the others.
    """
    aggregates = list(others)
    aggregates += [
        F.count_if(F.col(broken_on_stage(position))).alias(f"stage_rule_{position}")
        for position in range(len(checks.stage_rules))
    ]
    apart: dict[str, Any] = {}
    for number, gate in enumerate(checks.stage_gates):
        name = gate_value(number)
        if isinstance(gate.test, MostCommonInSet):
            apart[f"stage_gate_{number}"] = _most_common(rows, name, gate.test.values)
        else:
            kind = rows.schema[name].dataType
            aggregates.append(on_stage(gate.aggregate, F.col(name), kind).alias(f"stage_gate_{number}"))
    row = rows.agg(*aggregates).first() if aggregates else None
    return (row.asDict() if row is not None else {}) | apart


def own_aggregates(key: Sequence[str], outputs: T.StructType, checks: Checks) -> Mapping[str, Column]:
    """What the project's own gates ask of a stage: scored rows, distinct keys, of each output the nulls and the range.

    Args:
        key: the columns that identify a row.
        outputs: the outputs' names and types.
        checks: those of the slice as a whole; which copies they refuse.

    Returns:
        The aggregates, each aliased as its key: `scored`, `alone`, `keys`, `model_raised`, `model_raised_message`, and
        of each output `nulls_NAME`, of a number also `min_NAME` and `max_NAME`.
    """
    copies = tuple(position for position, _ in checks.refused_copies)
    return _own_aggregates(tuple(key), tuple((field.name, field.dataType) for field in outputs), copies)


@lru_cache(maxsize=64)
def _own_aggregates(
    key: tuple[str, ...], outputs: tuple[tuple[str, T.DataType], ...], refused_copies: tuple[int, ...]
) -> Mapping[str, Column]:
    """Build them. Remembered, as building columns is many calls into the JVM."""
    scored = F.col("reasons").isNull()
    # Copies that a uniqueness rule refuses are accounted for: the key must be unique among the others.
    alone = ~reduce(or_, [F.col(broken_on_stage(position)) for position in refused_copies], F.lit(False))
    raised = F.col("reasons")[0]["rule"] == MODEL_RAISED
    aggregates = {
        "model_raised": F.count_if(raised),
        "model_raised_message": F.max(F.when(raised, F.col("reasons")[0]["message"])),
        "scored": F.count_if(scored),
        "alone": F.count_if(alone),
        "keys": F.count_distinct(F.when(alone, F.struct(*[column(name) for name in key]))),
    }
    for name, kind in outputs:
        value = column(name)
        missing = value.isNull() | F.isnan(value) if isinstance(kind, T.FractionalType) else value.isNull()
        aggregates[f"nulls_{name}"] = F.count_if(scored & missing)
        if isinstance(kind, T.NumericType):
            valid = F.when(scored & ~missing, value)
            aggregates[f"min_{name}"] = F.min(valid).cast("double")
            aggregates[f"max_{name}"] = F.max(valid).cast("double")
    return MappingProxyType({name: aggregate.alias(name) for name, aggregate in aggregates.items()})


def _most_common(rows: DataFrame, name: str, values: Sequence[Scalar]) -> dict[str, int] | None:
    """How many values are the most common, and how many of those are of a set; None where there are no values."""
    counts = rows.where(F.col(name).isNotNull()).groupBy(name).count()
    of_set = F.col(name).isin(list(values)) if values else F.lit(False)
    tied = counts.groupBy("count").agg(F.count(F.lit(1)).alias("ties"), F.count_if(of_set).alias("of_set"))
    first = tied.orderBy(F.desc("count")).first()
    return None if first is None else {"ties": first.ties, "of_set": first.of_set}
