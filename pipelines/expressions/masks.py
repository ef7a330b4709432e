"""What is known of each row, as bits of whole numbers: the rules that it breaks, and the populations that it is not of.

Bits are cheap to set for every row, nearly always 0, and so next to nothing when stored. All numbers of rows are
counted from them; they are spelled out for the refused rows only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.expressions.rendering import is_broken, is_within
from pipelines.expressions.rules import Population, Rule, populations

BITS = 63
"""Bits a word: a BIGINT without its sign."""
BROKEN, ABSENT = "mask", "absent"


def mask_names(rules: tuple[Rule, ...]) -> list[str]:
    """The names of the columns that say which rules a row breaks; one at least, so that every stage has the same."""
    return _names(BROKEN, len(rules))


def absence_names(rules: tuple[Rule, ...]) -> list[str]:
    """The names of the columns that say which of the rules' populations a row is not of; likewise."""
    return _names(ABSENT, len(populations(rules)))


@lru_cache(maxsize=64)
def masks(rules: tuple[Rule, ...]) -> tuple[Column, ...]:
    """One BIGINT column for each 63 rules; bit i of word w is set where the row breaks rule 63 * w + i.

    Remembered, as building columns is thousands of calls into the JVM, and every slice of a pipeline has the same.
    """
    return _words(BROKEN, [is_broken(rule) for rule in rules])


@lru_cache(maxsize=64)
def absences(rules: tuple[Rule, ...]) -> tuple[Column, ...]:
    """A mask of the rules' populations; a bit is set where the row is not of one."""
    return _words(ABSENT, [~is_within(population) for population in populations(rules)])


def has_bit(position: int) -> Column:
    """Whether the rule at that position is broken."""
    return _has(BROKEN, position)


def is_of(rules: tuple[Rule, ...], population: Population) -> Column:
    """Whether the row is of one of the rules' populations."""
    return ~_has(ABSENT, populations(rules).index(population))


@lru_cache(maxsize=64)
def is_refused(rules: tuple[Rule, ...]) -> Column:
    """Whether the row breaks a rule that refuses rows."""
    words = []
    for word, name in enumerate(mask_names(rules)):
        refusing = sum(
            1 << position for position, rule in enumerate(rules[word * BITS : (word + 1) * BITS]) if rule.refuses
        )
        if refusing:
            words.append(F.col(name).bitwiseAND(_bits(refusing)) != _bits(0))
    return reduce(or_, words) if words else F.lit(False)


def _words(prefix: str, flags: Sequence[Column]) -> tuple[Column, ...]:
    return tuple(
        reduce(
            lambda total, bit: total.bitwiseOR(bit),
            [
                F.when(flag, _bits(1 << position)).otherwise(_bits(0))
                for position, flag in enumerate(flags[word * BITS : (word + 1) * BITS])
            ],
            _bits(0),
        ).alias(name)
        for word, name in enumerate(_names(prefix, len(flags)))
    )


def _has(prefix: str, position: int) -> Column:
    return F.col(f"{prefix}_{position // BITS}").bitwiseAND(_bits(1 << (position % BITS))) != _bits(0)


def _bits(value: int) -> Column:
    return F.lit(value).cast("bigint")


def _names(prefix: str, bits: int) -> list[str]:
    return [f"{prefix}_{word}" for word in range(max(1, -(-bits // BITS)))]
