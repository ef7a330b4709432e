"""Texts in features: the model's signature types a plain column; in other SQL nothing but a cast makes them values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from pipelines.config import FeatureFunction, Pipeline, TextFormat
from pipelines.errors import ConfigurationError
from pipelines.models.signature import ModelInput
from pipelines.transforms.implicit_casts import implicit_casts

LITERALS = frozenset({"null", "true", "false"})
"""Words that are values in SQL even where a column has that name; with all other keywords the column comes first."""


@dataclass(frozen=True)
class TextInput:
    """A column of a text source that a feature names as it is, read as the model's input is typed.

    Args:
        column: its name.
        kind: the input's type.
        spelling: how the source spells values.
    """

    column: str
    kind: T.DataType
    spelling: TextFormat


def text_inputs(pipeline: Pipeline, frame: DataFrame, inputs: Sequence[ModelInput]) -> dict[str, TextInput]:
    """The columns that the model's signature says the types of, by input: texts that nothing else says a type of.

    None where a query joins the sources, as its columns need not be theirs; there the contract says types.

    Args:
        pipeline: its source, and the features by their SQL.
        frame: the rows.
        inputs: what the model takes.
    """
    source, features = pipeline.source.tables[pipeline.main_source], pipeline.features
    if not source.is_text or pipeline.source.query is not None or isinstance(features, FeatureFunction):
        return {}
    by_name = {name.lower(): name for name in frame.columns}
    found = {}
    for item in inputs:
        column = by_name.get(plain_name(features.get(item.name, "")).lower())
        if column is None or column in source.column_types or isinstance(item.type, T.StringType):
            continue
        if isinstance(frame.schema[column].dataType, T.StringType) and isinstance(item.type, T.AtomicType):
            found[item.name] = TextInput(column, item.type, source.text)
    return found


def require_types(where: str, frame: DataFrame, sql: str, name: str) -> None:
    """Refuse an expression that takes texts of a source for something else without saying so.

    Args:
        where: the expression's place in the configuration.
        frame: the rows.
        sql: the expression.
        name: the source's.

    Raises:
        ConfigurationError: with the texts, and the types that Spark would make of them.
    """
    taken = implicit_casts(frame, sql)
    if taken:
        raise ConfigurationError(
            f"{where}: a text is taken for something else",
            expected="columns with a type, or casts that say what a text is read as",
            found="; ".join(f"{text} is text, taken for {kind}" for text, kind in taken),
            remedy=f"declare it under source.tables.{name}.columns, such as {taken[0][0]}: {taken[0][1]}",
        )


def plain_name(sql: str) -> str:
    """The column that an expression is nothing but, as its name is; else the empty text.

    >>> plain_name(" `wind speed` "), plain_name("wind"), plain_name("wind + 1"), plain_name("1st")
    ('wind speed', 'wind', '', '')
    """
    text = sql.strip()
    quoted = re.fullmatch(r"`((?:[^`]|``)+)`", text)
    if quoted is not None:
        return quoted[1].replace("``", "`")
    return text if text.isidentifier() and text.lower() not in LITERALS else ""
