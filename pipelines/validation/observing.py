"""What the one pass observes for rules and gates, as named aggregates that fit into a single row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.expressions.masks import has_bit
from pipelines.expressions.rendering import meets, within
from pipelines.expressions.rules import Domain, Rule, ZScoreBelow
from pipelines.expressions.whole_slice import Moments
from pipelines.validation.aggregates import in_pass
from pipelines.validation.gates import Aggregate

Metrics = Mapping[str, Any]


@dataclass(frozen=True)
class Population:
    """The rows that a rule judges, or that its condition leaves: rules share their counts."""

    domain: Domain
    condition: str | None

    @property
    def is_all(self) -> bool:
        return self.domain == Domain() and self.condition is None


@lru_cache(maxsize=64)
def aggregates(
    rules: tuple[Rule, ...], stage_rules: tuple[Rule, ...], measured: tuple[tuple[str, Aggregate], ...]
) -> tuple[Column, ...]:
    """A column for each number that the verdict needs. Remembered, as building columns is many calls into the JVM.

    Args:
        rules: those of the mask's bits.
        stage_rules: those that are judged on the stage; here only the rows that they will judge are counted.
        measured: other aggregates, by name.
    """
    columns = [F.count(F.lit(1)).alias("rows")]
    columns += [F.count_if(has_bit(position)).alias(f"broken_{position}") for position in range(len(rules))]
    for number, population in enumerate(_populations((*rules, *stage_rules))):
        columns.append(_size(population).alias(f"population_{number}"))
    for position, rule in enumerate(stage_rules):
        if isinstance(rule.check, ZScoreBelow):
            of = [
                Aggregate("mean", rule.check.column, rule.condition),
                Aggregate("stdev", rule.check.column, rule.condition),
            ]
            names = (f"mean_{position}", f"stdev_{position}")
            columns += [in_pass(one).cast("double").alias(name) for one, name in zip(of, names, strict=True)]
    columns += [in_pass(aggregate).alias(name) for name, aggregate in measured]
    return tuple(columns)


@dataclass(frozen=True)
class Observed:
    """The observed numbers, by what they mean.

    Args:
        metrics: what the aggregates gave, by name.
        rules: those that they were made for.
        stage_rules: likewise.
    """

    metrics: Metrics
    rules: tuple[Rule, ...]
    stage_rules: tuple[Rule, ...]

    def broken(self, position: int) -> int:
        """The rows that break the rule at that position."""
        return int(self.metrics[f"broken_{position}"] or 0)

    def judged(self, rule: Rule) -> int:
        """The rows that the rule judges."""
        return self._size(Population(rule.domain, rule.condition))

    def elements(self, rule: Rule) -> int:
        """The rows that the rule's condition leaves, judged or not."""
        return self._size(Population(Domain(), rule.condition))

    def moments(self, position: int) -> Moments:
        """Mean and standard deviation for the stage's rule at that position."""
        return Moments(self.metrics.get(f"mean_{position}"), self.metrics.get(f"stdev_{position}"))

    def _size(self, population: Population) -> int:
        if population.is_all:
            return int(self.metrics["rows"])
        number = _populations((*self.rules, *self.stage_rules)).index(population)
        return int(self.metrics[f"population_{number}"])


@lru_cache(maxsize=64)
def _populations(rules: Sequence[Rule]) -> tuple[Population, ...]:
    found = [
        population
        for rule in rules
        for population in (Population(rule.domain, rule.condition), Population(Domain(), rule.condition))
    ]
    return tuple(population for population in dict.fromkeys(found) if not population.is_all)


def _size(population: Population) -> Column:
    judged = within(population.domain)
    return F.count_if(judged if population.condition is None else judged & meets(population.condition))
