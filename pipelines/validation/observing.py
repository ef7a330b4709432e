"""What is counted and measured for rules and gates, as named aggregates that fit into a single row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.expressions.masks import has_bit, is_of
from pipelines.expressions.rules import EVERYBODY, Domain, Population, Rule, ZScoreBelow, populations
from pipelines.expressions.whole_slice import Moments
from pipelines.validation.aggregates import in_pass
from pipelines.validation.gates import Aggregate

Metrics = Mapping[str, Any]


@lru_cache(maxsize=64)
def tallies(rules: tuple[Rule, ...], stage_rules: tuple[Rule, ...]) -> tuple[Column, ...]:
    """A column for each count that rules need, taken from tagged or staged rows.

    Remembered, as building columns is many calls into the JVM.

    Args:
        rules: those of the mask's bits.
        stage_rules: those that are judged on the stage; of them the rows that they will judge are counted.
    """
    everyone = (*rules, *stage_rules)
    columns = [F.count(F.lit(1)).alias("rows")]
    columns += [F.count_if(has_bit(position)).alias(f"broken_{position}") for position in range(len(rules))]
    return tuple(columns) + tuple(
        F.count_if(is_of(everyone, population)).alias(f"population_{number}")
        for number, population in enumerate(populations(everyone))
    )


@lru_cache(maxsize=64)
def measures(stage_rules: tuple[Rule, ...], measured: tuple[tuple[str, Aggregate], ...]) -> tuple[Column, ...]:
    """A column for each number that is taken of values as the rows pass; none where nothing asks for one.

    Args:
        stage_rules: of which z-scores need the moments.
        measured: other aggregates, by name.
    """
    return measures_among(None, stage_rules, measured)


def measures_among(
    among: Column | None,
    stage_rules: tuple[Rule, ...],
    measured: tuple[tuple[str, Aggregate], ...],
    name_of: Callable[[str], str] = str,
) -> tuple[Column, ...]:
    """The measures of some of the rows.

    Args:
        among: which rows; None for all.
        stage_rules: of which z-scores need the moments.
        measured: other aggregates, by name.
        name_of: gives a number's name its column's.
    """
    moments = {
        f"{function}_{position}": in_pass(Aggregate(function, rule.check.column, rule.condition), among).cast("double")
        for position, rule in enumerate(stage_rules)
        if isinstance(rule.check, ZScoreBelow)
        for function in ("mean", "stdev")
    }
    others = {name: in_pass(aggregate, among) for name, aggregate in measured}
    return tuple(value.alias(name_of(name)) for name, value in {**moments, **others}.items())


@dataclass(frozen=True)
class Observed:
    """The observed numbers, by what they mean.

    Args:
        metrics: what tallies and measures came to, by name.
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
        if population == EVERYBODY:
            return int(self.metrics["rows"])
        return int(self.metrics[f"population_{self._places[population]}"])

    @cached_property
    def _places(self) -> dict[Population, int]:
        found = populations((*self.rules, *self.stage_rules))
        return {population: number for number, population in enumerate(found)}
