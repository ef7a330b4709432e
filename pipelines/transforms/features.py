"""From the columns read to the features that a model takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.expressions.names import column
from pipelines.expressions.rules import FEATURES

DeriveFeatures = Callable[[DataFrame], DataFrame]


def with_expressions(
    frame: DataFrame,
    features: Mapping[str, str],
    types: Mapping[str, T.DataType],
    texts: Mapping[str, Column] = MappingProxyType({}),
) -> DataFrame:
    """The frame with one struct column more: each feature by its SQL expression, cast to the type given for it.

    Args:
        frame: the columns read.
        features: SQL expressions by the feature's name; those without a type are left out.
        types: the features that are wanted, in order, and their Spark types.
        texts: those that are texts read as their types, in place of their SQL.
    """
    wanted = [
        (texts[name].cast(kind) if name in texts else _typed(features[name], kind)).alias(name)
        for name, kind in types.items()
    ]
    return frame.select("*", F.struct(*wanted).alias(FEATURES))


@lru_cache(maxsize=4096)
def _typed(sql: str, kind: T.DataType) -> Column:
    """An expression as a type. Remembered, as building columns is many calls into the JVM."""
    return F.expr(sql).cast(kind)


def with_function(frame: DataFrame, derive: DeriveFeatures, types: Mapping[str, T.DataType]) -> DataFrame:
    """The rows with their features, where a Python function adds the features as columns."""
    derived = derive(frame)
    wanted = [column(name).cast(kind).alias(name) for name, kind in types.items()]
    return derived.select(*[column(name) for name in frame.columns], F.struct(*wanted).alias(FEATURES))


def expression_types(frame: DataFrame, features: Mapping[str, str]) -> dict[str, T.DataType]:
    """The types that the features have before they are cast; a look at the schema only, no job.

    In a struct, as `with_expressions` has them: among columns, one could take another's name for a column.
    """
    if not features:
        return {}
    schema = frame.select(F.struct(*[F.expr(sql).alias(name) for name, sql in features.items()])).schema[0].dataType
    assert isinstance(schema, T.StructType)  # noqa: S101 - so it was asked for
    return {field.name: field.dataType for field in schema}


def columns_used(frame: DataFrame, expressions: Sequence[str]) -> set[str]:
    """The columns of the frame that SQL expressions refer to, resolved by Spark: whatever the case of their names."""
    if not expressions:
        return set()
    analyzed = frame.select(*[F.expr(sql) for sql in expressions])._jdf.queryExecution().analyzed()
    references = analyzed.references().toSeq()
    names = {name.lower(): name for name in frame.columns}
    return {names[references.apply(index).name().lower()] for index in range(references.size())}
