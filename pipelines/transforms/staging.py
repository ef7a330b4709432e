"""The one pass over the input: tag each row with the rules it breaks, score the clean, keep the refused whole."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.expressions.masks import absence_names, absences, is_refused, mask_names, masks
from pipelines.expressions.names import column
from pipelines.expressions.reasons import as_json, reason, reasons, row_kept
from pipelines.expressions.rules import Rule
from pipelines.expressions.whole_slice import Moments, breaks

OUTPUTS = "__outputs"
REFUSED = "__refused"
FAILURE = "__failure"
"""Among the outputs: why the model raised on the row."""
KEPT = "__kept"
"""Among the outputs: of a refused row, a list of the one struct of the columns that the worker has read by itself."""
FILE, POSITION = "__file", "__position"
"""Where a row lies, for workers that read columns by themselves."""
SLICE = "__slice"
"""The score date of a row, where one pass stages several slices."""
KIND, SCORED, REFUSED_KIND = "__kind", "scored", "refused"
"""In which files a staged row stands: those of scored rows are the predictions table's, as they are."""
MODEL_RAISED = "model_raised"
"""The reason of a row on which the model raised, in place of a rule."""


HIDDEN_BITS = re.compile(r"(mask|absent)_\d+")
HIDDEN_NULLS = ("reasons", "row")
"""What files of scored rows hold besides the table's columns: bits of rules, and what only refused rows have."""


def is_hidden(name: str) -> bool:
    """Whether files of scored rows hold a column of this name that no key and no output can have."""
    return name in HIDDEN_NULLS or HIDDEN_BITS.fullmatch(name) is not None


def places() -> list[Column]:
    """Where each row of a table lies, which tells of its files and positions."""
    return [F.col("_metadata.file_path").alias(FILE), F.col("_metadata.row_index").alias(POSITION)]


def tagged(frame: DataFrame, rules: tuple[Rule, ...], stage_rules: tuple[Rule, ...] = ()) -> DataFrame:
    """The frame with the bits of broken rules and of absent populations, and whether the row is refused.

    Args:
        frame: the rows.
        rules: those that a row alone answers.
        stage_rules: those of the slice as a whole, of which the populations are marked here too.
    """
    marked = frame.select("*", *masks(rules), *absences((*rules, *stage_rules)))
    return marked.select("*", is_refused(rules).alias(REFUSED))


def staged(
    scored: DataFrame,
    *,
    key: Sequence[str],
    outputs: Sequence[str],
    rules: tuple[Rule, ...],
    stage_rules: tuple[Rule, ...],
    columns_read: Sequence[str],
    personal: tuple[str, ...],
    values: Mapping[str, Column],
    keep_all: bool,
    read_by_workers: Sequence[str] = (),
    carried: Sequence[str] = (),
    final: Mapping[str, Column] | None = None,
) -> DataFrame:
    """What the stage holds of every row: key, mask, outputs; of refused rows the reasons and the columns read too.

    Args:
        scored: tagged rows with the model's outputs, and why it raised, in a struct column.
        key: the columns that identify a row.
        outputs: the names of the outputs.
        rules: in the order of the mask's bits.
        stage_rules: those of the slice as a whole.
        columns_read: what is kept of a refused row.
        personal: columns that are masked wherever they are kept as text.
        values: what checks of the slice as a whole need, by the names that it gets.
        keep_all: whether the columns read are kept of every row, as some may be refused on the stage yet.
        read_by_workers: those of the columns read that come from the worker, with the outputs.
        carried: further columns that stay.
        final: what the predictions table has besides key and outputs, by name. With it, `KIND` is a column, what is
            kept of a row is JSON, as the quarantine has it, and the files of scored rows hold nothing else but bits and
            nulls.
    """

    def value_of(name: str) -> Column:
        return F.get(F.col(OUTPUTS)[KEPT], F.lit(0))[name] if name in read_by_workers else column(name)

    results = [F.col(OUTPUTS)[name].alias(name) for name in outputs]
    kept = row_kept(columns_read, personal, value_of)
    if final is not None:
        kept = as_json(kept)
    failure = F.col(OUTPUTS)[FAILURE]
    is_refused_or_raised = F.col(REFUSED) | failure.isNotNull()
    kind = F.when(is_refused_or_raised, REFUSED_KIND).otherwise(SCORED).alias(KIND)
    raised = F.struct(
        F.lit(MODEL_RAISED).alias("rule"),
        F.lit("").alias("column"),
        failure.alias("message"),
    )
    return scored.select(
        *[column(name) for name in key],
        *mask_names(rules),
        *absence_names((*rules, *stage_rules)),
        *results,
        F.when(F.col(REFUSED), reasons(rules, personal)).when(failure.isNotNull(), F.array(raised)).alias("reasons"),
        (kept if keep_all else F.when(is_refused_or_raised, kept)).alias("row"),
        *[value.alias(name) for name, value in values.items()],
        *carried,
        *([] if final is None else [*[value.alias(name) for name, value in final.items()], kind]),
    )


def rule_value(position: int) -> str:
    """The name of what the stage holds for the rule at that position among those of the slice as a whole."""
    return f"__rule_{position}"


def gate_value(position: int) -> str:
    """The name of what the stage holds for the gate at that position among those that are computed there."""
    return f"__gate_{position}"


def broken_on_stage(position: int) -> str:
    """The name of the column that says whether that rule is broken."""
    return f"__broken_{position}"


def marked_on_stage(rows: DataFrame, rules: Sequence[Rule], moments: Mapping[str, Moments]) -> DataFrame:
    """The staged rows, with a column for each rule of the slice as a whole that says whether it is broken.

    Args:
        rows: a stage.
        rules: in the order in which they were staged.
        moments: by the rules' ids.
    """
    marks = [
        breaks(rule, F.col(rule_value(position)), moments.get(rule.id, Moments(None, None))).alias(
            broken_on_stage(position)
        )
        for position, rule in enumerate(rules)
    ]
    return rows.select("*", *marks)


def refused_on_stage(marked: DataFrame, rules: Sequence[Rule], personal: tuple[str, ...]) -> DataFrame:
    """The marked rows, with the broken rules of the slice as a whole among their reasons.

    Args:
        marked: as `marked_on_stage` gives them.
        rules: likewise.
        personal: columns that are masked.
    """
    more = [
        F.when(F.col(broken_on_stage(position)), reason(rule, personal, lambda name: F.col("row")[name]))
        for position, rule in enumerate(rules)
        if rule.refuses
    ]
    if not more:
        return marked
    kind = marked.schema["reasons"].dataType
    none = F.expr(f"CAST(array() AS {kind.simpleString()})")
    spelled = F.filter(F.array(*more), lambda item: item.isNotNull()).cast(kind)
    reasons_now = F.concat(F.coalesce(F.col("reasons"), none), spelled)
    return marked.withColumn("reasons", F.when(F.size(reasons_now) > 0, reasons_now))
