"""Why a row was refused, in words, and the row itself as text; personal columns are masked in both."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.expressions.masks import has_bit
from pipelines.expressions.names import column, is_unread, label
from pipelines.expressions.rules import ReadAs, Rule

MASKED = "***"


@lru_cache(maxsize=64)
def reasons(rules: tuple[Rule, ...], personal: tuple[str, ...]) -> Column:
    """An array of (rule, column, message), one for each refusing rule that the row breaks. Remembered, as masks are."""
    spelled = [F.when(has_bit(position), reason(rule, personal)) for position, rule in enumerate(rules) if rule.refuses]
    if not spelled:
        return F.expr("CAST(array() AS ARRAY<STRUCT<rule: STRING, column: STRING, message: STRING>>)")
    return F.filter(F.array(*spelled), lambda item: item.isNotNull())


def reason(rule: Rule, personal: Collection[str], value_of: Callable[[str], Column] = column) -> Column:
    """One (rule, column, message): what was found and what was expected.

    Args:
        rule: the one that is broken.
        personal: columns that are masked.
        value_of: where a column's value is.
    """
    if isinstance(rule.check, ReadAs) and rule.check.is_masked:
        personal = rule.check.columns
    found = [
        F.concat(F.lit(f"{label(name)} is "), shown(name, personal, value_of))
        for name in dict.fromkeys(rule.check.columns)
    ]
    message = F.concat(F.concat_ws(", ", *found), F.lit(f"; expected {rule.check.expected()}"))
    return F.struct(
        F.lit(rule.id).alias("rule"),
        F.lit(", ".join(label(name) for name in rule.check.columns)).alias("column"),
        message.alias("message"),
    )


def shown(name: str, personal: Collection[str], value_of: Callable[[str], Column] = column) -> Column:
    """The value as text, or a mask where the column is personal; a missing value is said to be null in both."""
    is_personal = (label(name) if is_unread(name) else name) in personal or name in personal
    value = F.lit(MASKED) if is_personal else F.substring(value_of(name).cast("string"), 1, 200)
    return F.when(value_of(name).isNull(), F.lit("null")).otherwise(value)


def row_kept(names: Sequence[str], personal: Collection[str], value_of: Callable[[str], Column] = column) -> Column:
    """The columns as one struct, those that are personal masked.

    Args:
        names: in the struct's order.
        personal: columns that are masked.
        value_of: where a column's value is.
    """
    values = {name: value_of(name) for name in names}
    return F.struct(
        *[
            (F.when(value.isNotNull(), F.lit(MASKED)) if name in personal else value).alias(name)
            for name, value in values.items()
        ]
    )


def as_json(row: Column) -> Column:
    """A struct as JSON text, nulls included."""
    return F.to_json(row, {"ignoreNullFields": "false"})
