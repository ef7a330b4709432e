"""The one pass over the input: tag each row with the rules it breaks, score the clean, keep the refused whole."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.expressions.masks import is_refused, mask_names, masks
from pipelines.expressions.names import column
from pipelines.expressions.reasons import reasons, row_as_json
from pipelines.expressions.rules import Rule

OUTPUTS = "__outputs"
REFUSED = "__refused"


def tagged(frame: DataFrame, rules: tuple[Rule, ...]) -> DataFrame:
    """The frame with the mask of broken rules, and whether the row is refused."""
    marked = frame.select("*", *masks(rules))
    return marked.select("*", is_refused(rules).alias(REFUSED))


def staged(
    scored: DataFrame,
    *,
    key: Sequence[str],
    outputs: Sequence[str],
    rules: tuple[Rule, ...],
    columns_read: Sequence[str],
    personal: tuple[str, ...],
) -> DataFrame:
    """What the stage holds of every row: key, mask, outputs; of refused rows the reasons and the columns read too.

    Args:
        scored: tagged rows with the model's outputs in a struct column.
        key: the columns that identify a row.
        outputs: the names of the outputs.
        rules: in the order of the mask's bits.
        columns_read: what is kept of a refused row.
        personal: columns that are masked wherever they are kept as text.
    """
    results = [F.col(OUTPUTS)[name].alias(name) for name in outputs]
    return scored.select(
        *[column(name) for name in key],
        *mask_names(rules),
        *results,
        _for_refused(reasons(rules, personal)).alias("reasons"),
        _for_refused(row_as_json(columns_read, personal)).alias("row"),
    )


def _for_refused(value: Column) -> Column:
    return F.when(F.col(REFUSED), value)
