"""The audit of a stage: what is in it, and the gates that it must pass before it is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.config import Limits, Output
from pipelines.expressions.names import column
from pipelines.validation.gates import Bounds
from pipelines.validation.verdict import CheckResult

NEVER_ACCEPTED = frozenset({"audit:rows_reconciled", "audit:some_rows_scored"})
"""Gates that no one can waive: a slice that loses rows, or an empty one, is never right."""


@dataclass(frozen=True)
class Counts:
    """The rows of a run; `input = scored + quarantined` is a gate."""

    input: int
    scored: int
    quarantined: int


def look_at(stage: DataFrame, key: Sequence[str], outputs: T.StructType) -> dict[str, Any]:
    """One look at a stage: its rows, its distinct keys, and of each output the nulls and the range.

    Returns:
        One row of aggregates by name.
    """
    scored = F.col("reasons").isNull()
    aggregates = [
        F.count(F.lit(1)).alias("rows"),
        F.count_if(scored).alias("scored"),
        F.countDistinct(F.struct(*[column(name) for name in key])).alias("keys"),
    ]
    for number, field in enumerate(outputs):
        value = column(field.name)
        is_number = isinstance(field.dataType, T.NumericType)
        missing = value.isNull() | F.isnan(value) if isinstance(field.dataType, T.FractionalType) else value.isNull()
        aggregates.append(F.count_if(scored & missing).alias(f"nulls_{number}"))
        if is_number:
            valid = F.when(scored & ~missing, value)
            aggregates += [F.min(valid).alias(f"min_{number}"), F.max(valid).alias(f"max_{number}")]
    row = stage.agg(*aggregates).first()
    return {} if row is None else row.asDict()


def audit(
    observed: Mapping[str, Any], rows_input: int, outputs: Mapping[str, Output], limits: Limits
) -> tuple[Counts, list[CheckResult]]:
    """The gates of the project's own, judged from one look at the stage.

    Args:
        observed: what `look_at` gave.
        rows_input: the rows of the first source for the slice, counted before any join.
        outputs: what may be null, and the ranges.
        limits: how much may be quarantined.
    """
    counts = Counts(rows_input, observed["scored"], observed["rows"] - observed["scored"])
    share = counts.quarantined / rows_input if rows_input else 0.0
    twice = observed["rows"] - observed["keys"]
    results = [
        _gate(
            "audit:rows_reconciled",
            counts.input == counts.scored + counts.quarantined,
            counts.scored + counts.quarantined,
            f"{rows_input} rows, as many as the source has: a join must neither lose nor multiply rows",
        ),
        _gate("audit:some_rows_scored", counts.scored > 0, counts.scored, "a row that is scored"),
        _gate("audit:keys_unique", twice == 0, twice, "no key twice", unexpected=twice),
        _gate(
            "limit:quarantined_share",
            share <= limits.quarantined_share,
            share,
            f"at most {limits.quarantined_share:g} of the input quarantined",
        ),
    ]
    if limits.quarantined_rows is not None:
        within = counts.quarantined <= limits.quarantined_rows
        expected = f"at most {limits.quarantined_rows} rows quarantined"
        results.append(_gate("limit:quarantined_rows", within, counts.quarantined, expected))
    for number, (name, output) in enumerate(outputs.items()):
        nulls = observed[f"nulls_{number}"]
        if not output.nullable:
            results.append(_gate(f"audit:{name}:not_null", nulls == 0, nulls, "no null or NaN", unexpected=nulls))
        if output.minimum is not None or output.maximum is not None:
            results.append(_range_gate(name, output, observed.get(f"min_{number}"), observed.get(f"max_{number}")))
    return counts, results


def _range_gate(name: str, output: Output, least: float | None, greatest: float | None) -> CheckResult:
    bounds = Bounds(output.minimum, output.maximum)
    outside = [float(value) for value in (least, greatest) if value is not None and not bounds.hold(float(value))]
    observed = outside[0] if outside else None if least is None else float(least)
    return _gate(f"audit:{name}:in_range", not outside, observed, str(bounds))


def _gate(
    check_id: str, success: bool, observed: float | None, expected: str, unexpected: int | None = None
) -> CheckResult:
    value = None if observed is None else float(observed)
    return CheckResult(check_id, "gate", "critical", bool(success), value, unexpected, expected)
