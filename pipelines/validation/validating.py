"""Judges rows by a suite without scoring them: the same tags, counts and tests as in a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.expressions.rendering import is_broken
from pipelines.expressions.whole_slice import Moments, breaks, staged_value
from pipelines.transforms.staging import REFUSED, marked_on_stage, tagged
from pipelines.validation.compiling import Checks
from pipelines.validation.engine import run_engine
from pipelines.validation.gates import Aggregate
from pipelines.validation.observing import Observed, measures, tallies
from pipelines.validation.stage import RuleCounts, counted_for_stage, look_at, moments_of, sizes_of, stage_values
from pipelines.validation.verdict import CheckResult, judge_pass, judge_stage


@dataclass(frozen=True)
class Validation:
    """What a suite says of some rows.

    Args:
        results: of every check.
        rows: how many there are.
        refused: how many would be quarantined.
        moments: of the values that z-scores are taken of, by the rules' ids.
        measured: what else was asked, by name.
    """

    results: tuple[CheckResult, ...]
    rows: int
    refused: int
    moments: Mapping[str, Moments]
    measured: Mapping[str, Any]


def validate(
    rows: DataFrame,
    checks: Checks,
    batch: DataFrame | None = None,
    personal: tuple[str, ...] = (),
    measured: tuple[tuple[str, Aggregate], ...] = (),
) -> Validation:
    """Judge rows by a suite: one pass, and a second one where checks speak of the rows as a whole.

    Args:
        rows: what is judged, with the features that rules name.
        checks: the suite, bound to the rows' types.
        batch: the rows with all their columns, for what speaks of the batch as a whole; by default the rows themselves.
        personal: columns of which no value is shown.
        measured: other aggregates to observe on the way, by name.

    Raises:
        ConfigurationError: Great Expectations' engine could not compute one of the expectations left to it.
    """
    numbers = tallies(checks.rules, checks.stage_rules) + measures(checks.stage_rules, checks.measured + measured)
    refusing = F.count_if(F.col(REFUSED)).alias("refused")
    row = tagged(rows, checks.rules, checks.stage_rules).agg(refusing, *numbers).first()
    observed = Observed(row.asDict() if row is not None else {}, checks.rules, checks.stage_rules)
    batch = rows if batch is None else batch
    engine_results = run_engine(batch, [foreign.expectation for foreign in checks.foreign], personal)
    results = judge_pass(checks, observed, engine_results, batch.schema, personal)
    counted = counted_for_stage(checks, observed)
    moments = moments_of(counted)
    refused = int(observed.metrics["refused"])
    if checks.stage_rules or checks.stage_gates:
        results += _judged_together(rows, checks, counted, personal)
    if checks.refuse_on_stage:
        refused = rows.select(is_refused_by(checks, moments).alias(REFUSED)).where(REFUSED).count()
    others = {name: observed.metrics[name] for name, _ in measured}
    return Validation(tuple(results), int(observed.metrics["rows"]), refused, moments, others)


def is_refused_by(checks: Checks, moments: Mapping[str, Moments]) -> Column:
    """Whether a row would be quarantined; over rows, not over a stage.

    Args:
        checks: the suite.
        moments: of the values that z-scores are taken of.
    """
    alone = [is_broken(rule) for rule in checks.rules if rule.refuses]
    together = [
        breaks(rule, staged_value(rule, ()), moments.get(rule.id, Moments(None, None)))
        for rule in checks.stage_rules
        if rule.refuses
    ]
    return reduce(or_, [*alone, *together], F.lit(False))


def is_refused_copy(checks: Checks) -> Column:
    """Whether a row would be quarantined because others have the same values."""
    nothing = Moments(None, None)
    copies = [breaks(rule, staged_value(rule, ()), nothing) for _, rule in checks.refused_copies]
    return reduce(or_, copies, F.lit(False))


def _judged_together(
    rows: DataFrame, checks: Checks, counted: Mapping[str, RuleCounts], personal: tuple[str, ...]
) -> list[CheckResult]:
    staged = rows.select(*[value.alias(name) for name, value in stage_values(checks, personal).items()])
    look = look_at(marked_on_stage(staged, checks.stage_rules, moments_of(counted)), checks)
    return judge_stage(checks, sizes_of(counted), look, personal)
