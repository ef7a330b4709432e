"""Which columns of a table are a model's inputs: matched by name, cast where the types differ."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.config import Source
from pipelines.errors import UsageError
from pipelines.expressions.names import column
from pipelines.expressions.rendering import holds
from pipelines.expressions.rules import KeptByCasts
from pipelines.expressions.text_values import read_as
from pipelines.expressions.types import is_widened_by
from pipelines.inputs.spark_errors import first_line
from pipelines.models.signature import ModelInput
from pipelines.onboarding.prompt import Ask, asked
from pipelines.onboarding.source_proposal import plain
from pipelines.transforms.features import expression_types, with_expressions
from pipelines.transforms.sql_casts import lossy_casts

_SAFE = (T.NumericType, T.BooleanType)
_GIVEN = "as given"


@dataclass(frozen=True)
class FeatureProposal:
    """A feature, and why it is this expression.

    Args:
        name: the model's input.
        sql: the expression.
        comment: why.
        warning: which rows it loses; empty where it loses none.
    """

    name: str
    sql: str
    comment: str
    warning: str = ""


def propose_features(
    frame: DataFrame,
    inputs: Sequence[ModelInput],
    given: Mapping[str, str],
    ask: Ask | None,
    texts: Source | None = None,
) -> list[FeatureProposal]:
    """An expression for each input of a model.

    Columns of the same name come first, then those that differ only in case, spaces and punctuation. For the others
    a person is asked, with the nearest name; where none can be, all are named at once. A cast that may change values is
    counted over all rows: how many it keeps is shown, and one that keeps none is refused.

    Args:
        frame: the table.
        inputs: what the model takes.
        given: columns or expressions that a person gave, by input.
        ask: None where there is nobody to ask.
        texts: the source where it is of a text format, whose columns are read as the model takes them.

    Raises:
        UsageError: an input has no column, what was given is of no input of the model or does not suit it, or a cast
            keeps no value.
    """
    if texts is not None and texts.is_text:
        frame = _as_taken(frame, inputs, texts)
    unknown = sorted(set(given) - {item.name for item in inputs})
    if unknown:
        raise UsageError(
            f"--feature: the model takes no '{unknown[0]}'", expected=", ".join(item.name for item in inputs)
        )
    proposals, missing = [], []
    for item in inputs:
        name = column_of(item.name, frame.columns)
        if item.name in given:
            proposals.append(_as_given(frame, item, given[item.name]))
        elif name is not None:
            proposals.append(_of_column(item, name, frame, "" if name == item.name else f"named like {item.name}"))
        elif ask is not None:
            proposals += _asked_for(frame, item, ask)
        elif item.required:
            near = _nearest(item.name, frame.columns)
            missing.append(f"{item.name}: nearest is {near}" if near else f"{item.name}: no column is like it")
    if missing:
        raise UsageError(
            "the source has no column for some inputs of the model",
            expected="; ".join(missing),
            found=", ".join(frame.columns),
            remedy="say what they are: --feature INPUT=COLUMN_OR_SQL for each",
        )
    return [_counted(frame, proposal) for proposal in proposals]


def _as_taken(frame: DataFrame, inputs: Sequence[ModelInput], source: Source) -> DataFrame:
    """The frame with the texts that nothing says a type of as the inputs that are named like them."""
    taken = {}
    for item in inputs:
        name = column_of(item.name, frame.columns)
        if name is not None and name not in source.column_types and isinstance(item.type, T.AtomicType):
            taken[name] = read_as(column(name), item.type, source.text)
    return frame.withColumns(taken)


def _counted(frame: DataFrame, proposal: FeatureProposal) -> FeatureProposal:
    """The proposal with how many values its casts keep.

    Raises:
        UsageError: they keep none.
    """
    casts, _ = lossy_casts(frame, proposal.sql)
    if not casts:
        return proposal
    given = reduce(or_, [F.expr(cast.value).isNotNull() for cast in casts])
    kept = holds(KeptByCasts(tuple(frame.columns), "never", tuple(casts)))
    row = frame.where(given).agg(F.count(F.lit(1)), F.count_if(kept)).first()
    assert row is not None  # noqa: S101 - an aggregate has one row
    are_texts = all(cast.found == "string" for cast in casts)
    counts = f"{row[1]} of {row[0]} {'readable' if are_texts else 'kept as they are'}"
    if row[0] and not row[1]:
        raise UsageError(
            f"input '{proposal.name}': {proposal.sql} keeps no value: {counts}",
            expected=f"values that {proposal.sql} keeps",
            remedy=f"say how to read them by --feature {proposal.name}=SQL, such as "
            f"CAST(replace({casts[0].value}, ',', '.') AS DOUBLE); floor, round or DIV drop a fraction on purpose",
        )
    warning = (
        f"input {proposal.name}: {counts} by {proposal.sql}; the others' rows are refused" if row[1] < row[0] else ""
    )
    return replace(proposal, comment="; ".join(filter(None, (proposal.comment, counts))), warning=warning)


def _asked_for(frame: DataFrame, item: ModelInput, ask: Ask) -> list[FeatureProposal]:
    """What a person says of an input that no column is named like; nothing, where the model can go without it."""

    def proposed(answer: str) -> list[FeatureProposal]:
        if not answer and not item.required:
            return []
        return [_as_given(frame, item, answer)]

    question = f"The model takes '{item.name}', and no column is named like it. Column or SQL"
    return asked(ask, question, _nearest(item.name, frame.columns) or "", proposed)


def _as_given(frame: DataFrame, item: ModelInput, text: str) -> FeatureProposal:
    """What a person gave: the column of that name, or else an SQL expression.

    Raises:
        UsageError: it is neither, or of a type that the model does not take.
    """
    names = {name.lower(): name for name in frame.columns}
    if text.lower() in names:
        return _of_column(item, names[text.lower()], frame, _GIVEN)
    try:
        kind = expression_types(frame, {item.name: text})[item.name]
        # In brackets nothing is taken as an alias, as the second word of a column's name would be; in a struct, beside
        # the columns, nothing sums up rows or multiplies them.
        with_expressions(frame, {item.name: f"({text}\n)"}, {item.name: item.type})
    except AnalysisException as error:
        raise UsageError(
            f"input '{item.name}': this is neither a column of the source nor an SQL expression over its columns",
            expected=f"a column, or an expression over {', '.join(frame.columns)}",
            found=f"{text}: {first_line(error)}",
        ) from error
    if not is_widened_by(kind, item.type) and not (isinstance(kind, T.NullType) and item.holds_null):
        wanted = item.type.simpleString()
        raise UsageError(
            f"input '{item.name}': the model takes {wanted}",
            found=f"{text}, which is {kind.simpleString()}",
            remedy=f"write CAST({text} AS {wanted.upper()})",
        )
    return FeatureProposal(item.name, text, _GIVEN)


def _of_column(item: ModelInput, name: str, frame: DataFrame, why: str) -> FeatureProposal:
    found = frame.schema[name].dataType
    if is_widened_by(found, item.type):
        return FeatureProposal(item.name, plain(name), why)
    kind = item.type.simpleString()
    # A row whose value is no number is refused, and not the slice.
    cast = "CAST" if isinstance(found, _SAFE) and isinstance(item.type, _SAFE) else "TRY_CAST"
    cast_why = f"the source has {found.simpleString()}, the model takes {kind}"
    comment = f"{why}; {cast_why}" if why else cast_why
    return FeatureProposal(item.name, f"{cast}({plain(name)} AS {kind.upper()})", comment)


def column_of(name: str, columns: Sequence[str]) -> str | None:
    """The column of a name; else the only one that differs from it in case, spaces and punctuation alone."""
    if name in columns:
        return name
    alike = [column for column in columns if _bare(column) == _bare(name)]
    return alike[0] if len(alike) == 1 else None


def _nearest(name: str, columns: Sequence[str]) -> str | None:
    by_bare = {_bare(column): column for column in columns}
    near = difflib.get_close_matches(_bare(name), by_bare, n=1, cutoff=0.5)
    return by_bare[near[0]] if near else None


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()
