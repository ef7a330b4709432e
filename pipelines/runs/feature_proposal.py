"""Which columns of a table are a model's inputs: matched by name, cast where the types differ."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from pipelines.errors import UsageError
from pipelines.expressions.types import is_widened_by
from pipelines.models.signature import ModelInput
from pipelines.runs.asking import Ask
from pipelines.runs.source_proposal import plain
from pipelines.transforms.features import expression_types

_SAFE = (T.NumericType, T.BooleanType)


@dataclass(frozen=True)
class FeatureProposal:
    """A feature, and why it is this expression."""

    name: str
    sql: str
    comment: str


def propose_features(
    frame: DataFrame, inputs: Sequence[ModelInput], given: Mapping[str, str], ask: Ask | None
) -> list[FeatureProposal]:
    """An expression for each input of a model.

    Columns of the same name come first, then those that differ only in case, spaces and punctuation. For the others
    a person is asked, with the nearest name; where none can be, all are told at once.

    Args:
        frame: the table.
        inputs: what the model takes.
        given: expressions that a person gave, by input.
        ask: None where there is nobody to ask.

    Raises:
        UsageError: an input has no column, or what was given is of no input of the model.
    """
    unknown = sorted(set(given) - {item.name for item in inputs})
    if unknown:
        raise UsageError(
            f"--feature: the model takes no '{unknown[0]}'", expected=", ".join(item.name for item in inputs)
        )
    proposals, missing = [], []
    for item in inputs:
        sql = given.get(item.name)
        name = None if sql is not None else _column_of(item.name, frame.columns)
        if sql is None and name is None:
            near = _nearest(item.name, frame.columns)
            if ask is not None:
                sql = ask(f"The model takes '{item.name}', and no column is named like it. Column or SQL", near or "")
            if not sql and item.required:
                missing.append(f"{item.name}: nearest is {near}" if near else f"{item.name}: no column is like it")
        if sql:
            proposals.append(FeatureProposal(item.name, sql, "as given"))
        elif name is not None:
            proposals.append(_of_column(item, name, frame.schema[name].dataType))
    if missing:
        raise UsageError(
            "the source has no column for some inputs of the model",
            expected="; ".join(missing),
            found=", ".join(frame.columns),
            remedy="say what they are: --feature INPUT=COLUMN_OR_SQL for each",
        )
    expression_types(frame, {item.name: item.sql for item in proposals if item.comment == "as given"})
    return proposals


def _of_column(item: ModelInput, name: str, found: T.DataType) -> FeatureProposal:
    same = "" if name == item.name else f"named like {item.name}"
    if is_widened_by(found, item.type):
        return FeatureProposal(item.name, plain(name), same)
    kind = item.type.simpleString()
    # A text that is no number becomes null; where the model cannot take that, the row is refused and not the slice.
    cast = "CAST" if isinstance(found, _SAFE) and isinstance(item.type, _SAFE) else "TRY_CAST"
    comment = f"the source has {found.simpleString()}, the model takes {kind}"
    return FeatureProposal(item.name, f"{cast}({plain(name)} AS {kind.upper()})", comment)


def _column_of(name: str, columns: Sequence[str]) -> str | None:
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
