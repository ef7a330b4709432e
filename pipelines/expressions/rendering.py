"""Rules rendered to Spark Columns: the one place where a check's meaning becomes Spark."""

from __future__ import annotations

from functools import lru_cache, reduce, singledispatch
from itertools import combinations
from operator import and_, or_

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.expressions.casts import keeps
from pipelines.expressions.names import column
from pipelines.expressions.parsing import parses
from pipelines.expressions.rules import (
    AllEqual,
    Between,
    Check,
    DistinctWithinRow,
    Domain,
    InSet,
    IsNull,
    KeptByCasts,
    Like,
    Matches,
    NotNull,
    PairGreater,
    PairInSet,
    Parses,
    Population,
    ReadAs,
    Rule,
    Scalar,
    SqlCast,
    SumEquals,
    WholeRecord,
)
from pipelines.expressions.text_values import is_unreadable


@lru_cache(maxsize=1024)
def is_judged(rule: Rule) -> Column:
    """True for the rows that the rule speaks of, false (never null) for all others.

    Remembered, as building columns is many calls into the JVM, and every slice of a pipeline has the same rules.
    """
    return is_within(Population(rule.domain, rule.condition))


@lru_cache(maxsize=1024)
def is_broken(rule: Rule) -> Column:
    """True for the rows that break the rule, false (never null) for all others. Remembered likewise."""
    return is_judged(rule) & F.coalesce(~holds(rule.check), F.lit(False))


def meets(condition: str) -> Column:
    """Whether an SQL condition holds; where it is null, it does not."""
    return F.coalesce(F.expr(condition), F.lit(False))


def within(domain: Domain) -> Column:
    """Whether a row is of the domain."""
    present = [column(name).isNotNull() for name in domain.columns]
    return reduce(and_ if domain.present == "all" else or_, present) if present else F.lit(True)


@lru_cache(maxsize=1024)
def is_within(population: Population) -> Column:
    """Whether a row is of the population; never null. Remembered likewise."""
    inside = within(population.domain)
    return inside if population.condition is None else inside & meets(population.condition)


@singledispatch
def holds(check: Check) -> Column:
    """Whether the check holds for a row that it judges; null counts as holding."""
    raise TypeError(f"no rendering for {type(check).__name__}")


@holds.register
def _(check: NotNull) -> Column:
    return column(check.column).isNotNull()


@holds.register
def _(check: IsNull) -> Column:
    return column(check.column).isNull()


@holds.register
def _(check: InSet) -> Column:
    found = column(check.column).isin(list(check.values)) if check.values else F.lit(False)
    return ~found if check.negated else found


@holds.register
def _(check: Between) -> Column:
    value = F.length(column(check.column)) if check.length else column(check.column)
    bounds = []
    if check.minimum is not None:
        minimum = _bound(check.minimum)
        bounds.append(value > minimum if check.strict_minimum else value >= minimum)
    if check.maximum is not None:
        maximum = _bound(check.maximum)
        bounds.append(value < maximum if check.strict_maximum else value <= maximum)
    return reduce(and_, bounds)


def _bound(value: Scalar) -> Column:
    """A bound as Great Expectations takes it: a number is a double, and a text a day or, with a time of day, a time."""
    if isinstance(value, str):
        return F.lit(value).cast("timestamp" if ":" in value else "date")
    return F.lit(float(value))


@holds.register
def _(check: Matches) -> Column:
    text = column(check.column)
    if check.negated or check.every:
        found = reduce(or_ if check.negated else and_, [text.rlike(pattern) for pattern in check.patterns])
    else:
        found = text.rlike("|".join(check.patterns))  # as Great Expectations does: flags of one reach the next
    return ~found if check.negated else found


@holds.register
def _(check: Like) -> Column:
    text, escape = column(check.column), None if check.escape is None else F.lit(check.escape)
    like = [F.like(text, F.lit(pattern), escape) for pattern in check.patterns]
    found = reduce(and_ if check.every else or_, like)
    return ~found if check.negated else found


@holds.register
def _(check: Parses) -> Column:
    return parses(column(check.column), check.what, check.how)


@holds.register
def _(check: ReadAs) -> Column:
    return ~is_unreadable(column(check.column), T.DataType.fromDDL(check.kind), check.spelling)


@holds.register
def _(check: WholeRecord) -> Column:
    return column(check.column).isNull()


@holds.register
def _(check: KeptByCasts) -> Column:
    return reduce(and_, map(_is_kept, check.casts))


def _is_kept(cast: SqlCast) -> Column:
    value = F.expr(cast.value)
    if cast.wanted is None:
        kept = value.isNull() | F.expr(cast.sql).isNotNull()
    else:
        kept = keeps(value, T.DataType.fromDDL(cast.found), T.DataType.fromDDL(cast.wanted))
    # Not an OR, whose other side may be computed too: what a branch guards against would end the run.
    return kept if cast.condition is None else F.when(meets(cast.condition), kept).otherwise(F.lit(True))


@holds.register
def _(check: PairGreater) -> Column:
    greater, smaller = (column(name) for name in check.columns)
    return (greater >= smaller) | greater.eqNullSafe(smaller) if check.or_equal else greater > smaller


@holds.register
def _(check: AllEqual) -> Column:
    first, *others = (column(name) for name in check.columns)
    return reduce(and_, [first.eqNullSafe(other) for other in others], F.lit(True))


@holds.register
def _(check: PairInSet) -> Column:
    first, second = (column(name) for name in check.columns)
    pairs = [first.eqNullSafe(F.lit(one)) & second.eqNullSafe(F.lit(other)) for one, other in check.pairs]
    return reduce(or_, pairs, F.lit(False))


@holds.register
def _(check: SumEquals) -> Column:
    # Whole numbers are added as decimals, which cannot overflow.
    values = [
        F.coalesce(column(name), F.lit(0)).cast("decimal(38,0)")
        if name in check.whole
        else F.coalesce(column(name), F.lit(0))
        for name in check.columns
    ]
    return reduce(lambda total, value: total + value, values) == F.lit(check.total)


@holds.register
def _(check: DistinctWithinRow) -> Column:
    pairs = combinations([column(name) for name in check.columns], 2)
    return reduce(and_, [~first.eqNullSafe(second) for first, second in pairs])
