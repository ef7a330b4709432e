"""Rules rendered to Spark Columns: the one place where a check's meaning becomes Spark."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce, singledispatch
from itertools import combinations
from operator import and_, or_

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.expressions.names import column
from pipelines.expressions.rules import (
    Between,
    Check,
    DistinctWithinRow,
    IgnoreIf,
    InSet,
    IsNull,
    Matches,
    NotNull,
    PairEqual,
    PairGreater,
    Rule,
)


def is_judged(rule: Rule) -> Column:
    """True for the rows that the rule speaks of, false (never null) for all others."""
    judged = applies(rule.check)
    return judged if rule.condition is None else judged & F.coalesce(F.expr(rule.condition), F.lit(False))


def is_broken(rule: Rule) -> Column:
    """True for the rows that break the rule, false (never null) for all others."""
    return is_judged(rule) & F.coalesce(~holds(rule.check), F.lit(False))


@singledispatch
def holds(check: Check) -> Column:
    """Whether the check holds for a row that it applies to; null counts as holding."""
    raise TypeError(f"no rendering for {type(check).__name__}")


@singledispatch
def applies(check: Check) -> Column:
    """Whether the check judges a row: of a single column, where it has a value."""
    return column(check.columns[0]).isNotNull()


@holds.register
def _(check: NotNull) -> Column:
    return column(check.column).isNotNull()


@applies.register
def _(check: NotNull) -> Column:
    return F.lit(True)


@holds.register
def _(check: IsNull) -> Column:
    return column(check.column).isNull()


@applies.register
def _(check: IsNull) -> Column:
    return F.lit(True)


@holds.register
def _(check: InSet) -> Column:
    found = column(check.column).isin(list(check.values)) if check.values else F.lit(False)
    return ~found if check.negated else found


@holds.register
def _(check: Between) -> Column:
    value = F.length(column(check.column)) if check.length else column(check.column)
    bounds = []
    if check.minimum is not None:
        minimum = F.lit(check.minimum)
        bounds.append(value > minimum if check.strict_minimum else value >= minimum)
    if check.maximum is not None:
        maximum = F.lit(check.maximum)
        bounds.append(value < maximum if check.strict_maximum else value <= maximum)
    return reduce(and_, bounds)


@holds.register
def _(check: Matches) -> Column:
    text = column(check.column).cast("string")
    found = reduce(and_ if check.every else or_, [text.rlike(pattern) for pattern in check.patterns])
    return ~found if check.negated else found


@holds.register
def _(check: PairGreater) -> Column:
    greater, smaller = column(check.greater), column(check.smaller)
    return greater >= smaller if check.or_equal else greater > smaller


@holds.register
def _(check: PairEqual) -> Column:
    return column(check.first).eqNullSafe(column(check.second))


@holds.register
def _(check: DistinctWithinRow) -> Column:
    pairs = combinations([column(name) for name in check.compared], 2)
    return reduce(and_, [~first.eqNullSafe(second) for first, second in pairs])


@applies.register(PairGreater)
@applies.register(PairEqual)
@applies.register(DistinctWithinRow)
def _(check: PairGreater | PairEqual | DistinctWithinRow) -> Column:
    return _has_enough(check.columns, check.ignore_if)


def _has_enough(names: Sequence[str], ignore_if: IgnoreIf) -> Column:
    present = [column(name).isNotNull() for name in names]
    if ignore_if == "never":
        return F.lit(True)
    return reduce(and_ if ignore_if == "any_missing" else or_, present)
