"""The casts within a feature's SQL that can change a value, found in the tree that Spark's own parser makes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.expressions.casts import can_lose
from pipelines.expressions.rules import SqlCast

_FUNCTIONS = {
    name: name for name in ("boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "date", "timestamp")
} | {"decimal": "decimal(10,0)"}
"""Casts that are written as functions, by the type that they cast to."""
_PARSERS = re.compile(r"try_to_(number|date|timestamp)|try_parse_json")
"""Functions that make a null of a text that they cannot read."""
_MAY_CAST = re.compile(rf"cast|::|try_to_|\b({'|'.join(_FUNCTIONS)})\s*\(", re.IGNORECASE)


@dataclass(frozen=True)
class FoundCast:
    """A cast as the SQL has it, before anything is known of types.

    Args:
        sql: the cast.
        value: what is cast.
        wanted: the type; None of a function that reads texts by a format of its own.
        condition: under which it is computed; None where it always is.
        tries: whether it gives null where it cannot be computed.
        is_inside: whether it stands in a function over the elements of an array or a map, out of reach of a rule.
    """

    sql: str
    value: str
    wanted: str | None
    condition: str | None
    tries: bool
    is_inside: bool = False


def lossy_casts(frame: DataFrame, sql: str) -> tuple[list[SqlCast], list[str]]:
    """The casts of an expression that can change a value; and those of them that no rule can judge, as SQL.

    Args:
        frame: the columns that the expression is over.
        sql: a feature's expression, which can be analyzed.
    """
    if _MAY_CAST.search(sql) is None:
        return [], []
    judged, unjudged = [], []
    for cast in written_casts(sql):
        if cast.is_inside:
            unjudged.append(cast.sql)
            continue
        types = _types(frame, cast)
        if types is None:
            unjudged.append(cast.sql)
        elif cast.wanted is None:
            judged.append(SqlCast(cast.sql, cast.value, types[0].simpleString(), None, cast.condition))
        elif can_lose(*types, tries=cast.tries):
            found, wanted = (kind.simpleString() for kind in types)
            judged.append(SqlCast(cast.sql, cast.value, found, wanted, cast.condition))
    return judged, unjudged


def _types(frame: DataFrame, cast: FoundCast) -> tuple[T.DataType, T.DataType] | None:
    """The types of a cast's operand and result; None where the SQL of the parts cannot be analyzed by itself."""
    parts = [cast.value, cast.sql, *([] if cast.condition is None else [cast.condition])]
    try:
        found = frame.select(*[F.expr(part).alias(f"_{place}") for place, part in enumerate(parts)]).schema
    except (AnalysisException, ParseException):
        return None
    return found[0].dataType, found[1].dataType


@lru_cache(maxsize=1024)
def written_casts(sql: str) -> tuple[FoundCast, ...]:
    """Every cast that an expression writes.

    Remembered, as a look at a tree is many calls into the JVM; all sessions of a process parse alike.
    """
    tree = SparkSession.active()._jsparkSession.sessionState().sqlParser().parseExpression(sql)
    return tuple(_within(tree, None))


def _within(node: Any, condition: str | None, *, is_inside: bool = False) -> Iterator[FoundCast]:
    kind = node.getClass().getSimpleName()
    children = _listed(node.children())
    if kind == "Cast":
        tries = node.evalMode().toString() == "TRY"
        wanted = node.dataType().simpleString()
        yield FoundCast(node.sql(), children[0].sql(), wanted, condition, tries, is_inside)
    elif kind == "UnresolvedFunction":
        name = node.nameParts().mkString(".").lower()
        if name in _FUNCTIONS and len(children) == 1:
            yield FoundCast(
                node.sql(), children[0].sql(), _FUNCTIONS[name], condition, tries=False, is_inside=is_inside
            )
        elif _PARSERS.fullmatch(name):
            yield FoundCast(node.sql(), children[0].sql(), None, condition, tries=True, is_inside=is_inside)
        if name in ("if", "coalesce", "nvl", "ifnull", "nvl2"):
            for child, when in zip(children, _reached(name, children), strict=True):
                yield from _within(child, _both(condition, when), is_inside=is_inside)
            return
    elif kind == "CaseWhen":
        for child, when in zip(children, _branches(children), strict=True):
            yield from _within(child, _both(condition, when), is_inside=is_inside)
        return
    for child in children:
        yield from _within(child, condition, is_inside=is_inside or kind == "LambdaFunction")


def _reached(name: str, arguments: list[Any]) -> list[str | None]:
    """When each argument of a function that chooses among them is computed."""
    first = arguments[0].sql()
    if name == "if":
        holds = _holds(first)
        return [None, holds, f"(NOT {holds})"][: len(arguments)]
    if name == "nvl2":
        return [None, f"({first} IS NOT NULL)", f"({first} IS NULL)"][: len(arguments)]
    missing = [f"({argument.sql()} IS NULL)" for argument in arguments]
    return [" AND ".join(missing[:place]) or None for place in range(len(arguments))]


def _branches(children: list[Any]) -> list[str | None]:
    """When each condition and each value of CASE is computed: one after the other, until a condition holds."""
    when: list[str | None] = []
    earlier: list[str] = []
    for place in range(0, len(children) - 1, 2):
        holds = _holds(children[place].sql())
        when += [" AND ".join(earlier) or None, " AND ".join([*earlier, holds])]
        earlier.append(f"(NOT {holds})")
    return when if len(children) % 2 == 0 else [*when, " AND ".join(earlier)]


def _holds(condition: str) -> str:
    return f"coalesce({condition}, false)"


def _both(one: str | None, other: str | None) -> str | None:
    return " AND ".join(part for part in (one, other) if part) or None


def _listed(seq: Any) -> list[Any]:
    return [seq.apply(index) for index in range(seq.size())]
