"""Which rules a row breaks, as bits of whole numbers: cheap for every row, spelled out for the refused ones only."""

from __future__ import annotations

from functools import lru_cache, reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.expressions.rendering import is_broken
from pipelines.expressions.rules import Rule

BITS = 63
"""Rules a word: a BIGINT without its sign."""


def mask_names(rules: tuple[Rule, ...]) -> list[str]:
    """The names of the mask's columns; one at least, so that a stage always has the same shape."""
    return [f"mask_{word}" for word in range(max(1, -(-len(rules) // BITS)))]


@lru_cache(maxsize=64)
def masks(rules: tuple[Rule, ...]) -> tuple[Column, ...]:
    """One BIGINT column for each 63 rules; bit i of word w is set where the row breaks rule 63 * w + i.

    Remembered, as building columns is thousands of calls into the JVM, and every slice of a pipeline has the same.
    """
    return tuple(
        reduce(
            lambda total, bit: total.bitwiseOR(bit),
            [
                F.when(is_broken(rule), F.lit(1 << position)).otherwise(F.lit(0)).cast("bigint")
                for position, rule in enumerate(rules[word * BITS : (word + 1) * BITS])
            ],
            F.lit(0).cast("bigint"),
        ).alias(name)
        for word, name in enumerate(mask_names(rules))
    )


def has_bit(position: int) -> Column:
    """Whether the rule at that position is broken."""
    bit = F.lit(1 << (position % BITS)).cast("bigint")
    return F.col(f"mask_{position // BITS}").bitwiseAND(bit) != F.lit(0).cast("bigint")


@lru_cache(maxsize=64)
def is_refused(rules: tuple[Rule, ...]) -> Column:
    """Whether the row breaks a rule that refuses rows."""
    words = []
    for word, name in enumerate(mask_names(rules)):
        refusing = sum(
            1 << position for position, rule in enumerate(rules[word * BITS : (word + 1) * BITS]) if rule.refuses
        )
        if refusing:
            words.append(F.col(name).bitwiseAND(F.lit(refusing).cast("bigint")) != F.lit(0).cast("bigint"))
    return reduce(or_, words) if words else F.lit(False)
