"""Texts that an SQL expression silently reads as another type: Spark reads `12D` as 12, `2024-03` as a day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.transforms.sql_casts import written_casts

_TAKEN_FOR = ("boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "decimal", "date", "timestamp")


def implicit_casts(frame: DataFrame, sql: str) -> list[tuple[str, str]]:
    """The texts, as SQL, that Spark casts although the expression does not say so; each with the type that it becomes.

    Args:
        frame: the columns that the expression is over.
        sql: an expression; one that cannot be analyzed has none.
    """
    try:
        analyzed = frame.select(F.expr(sql).alias("_"))._jdf.queryExecution().analyzed()
    except (AnalysisException, ParseException):
        return []
    jvm: Any = frame.sparkSession._jvm
    is_written = jvm.org.apache.spark.sql.catalyst.expressions.Cast.USER_SPECIFIED_CAST()
    written = {(cast.value, cast.wanted) for cast in written_casts(sql)}
    found = []
    for node in _nodes(analyzed.expressions().apply(0)):
        if node.getClass().getSimpleName() != "Cast" or node.getTagValue(is_written).isDefined():
            continue
        value, wanted = node.child(), node.dataType().simpleString()
        is_text = value.dataType().simpleString() == "string" and not value.foldable()
        if is_text and wanted.startswith(_TAKEN_FOR) and (value.sql(), wanted) not in written:
            found.append((value.sql(), wanted))
    return list(dict.fromkeys(found))


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    children = node.children()
    for index in range(children.size()):
        yield from _nodes(children.apply(index))
