"""Whether each row of a plan is made of one row of a table and of no other of them: then slices may share a scan."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame

from pipelines.expressions.names import quoted

_OF_ROWS_ALONE = frozenset({"Project", "Filter", "SubqueryAlias", "View"})
"""Operators of one input that look at each of its rows by itself."""
_KEEPING = {
    True: frozenset({"Inner", "Cross", "LeftOuter", "LeftSemi", "LeftAnti"}),
    False: frozenset({"Inner", "Cross", "RightOuter"}),
}
"""By whether the table is on the left: joins of which each row has one of the table's."""


def is_row_wise(frame: DataFrame, alias: str, column: str | None = None) -> bool:
    """Whether each row comes from one row of a table and what the plan has beside it.

    A plan of which that is not certain is none: an aggregate, a window or a limit takes rows together, a join of the
    table with itself brings rows of other slices, an outer join makes rows without one of the table, a subquery or an
    expression that is not deterministic may tell anything.

    Args:
        frame: rows, made of the table's.
        alias: the table's, which no query can name otherwise.
        column: one of the table's that must be among the rows', as it was.
    """
    plan = frame._jdf.queryExecution().analyzed()
    found = _find(plan, alias)
    if found is None or _list(plan.subqueriesAll()) or not _holds(plan, alias):
        return False
    return column is None or (_id(found, column) is not None and _id(found, column) == _id(plan, column))


def _holds(node: Any, alias: str) -> bool:
    """Whether a plan that has the table in it once takes its rows each by itself."""
    if not node.deterministic():
        return False
    if _is(node, alias):
        return True
    name, children = node.nodeName(), _list(node.children())
    if name == "Join":
        left, right = (_count(child, alias) for child in children)
        return {left, right} == {0, 1} and (
            node.joinType().toString() in _KEEPING[bool(left)] and _holds(children[0 if left else 1], alias)
        )
    return name in _OF_ROWS_ALONE and _holds(children[0], alias)


def _find(node: Any, alias: str) -> Any | None:
    if _is(node, alias):
        return node
    return next((found for child in _list(node.children()) if (found := _find(child, alias)) is not None), None)


def _count(node: Any, alias: str) -> int:
    return 1 if _is(node, alias) else sum(_count(child, alias) for child in _list(node.children()))


def _is(node: Any, alias: str) -> bool:
    return bool(node.nodeName() == "SubqueryAlias" and node.alias() == alias)


def _id(node: Any, column: str) -> Any | None:
    """What tells an output of a plan from all others, of whatever name; None where there is none of the name."""
    ids = [one.exprId() for one in _list(node.output()) if quoted(one.name()).lower() == quoted(column).lower()]
    return ids[0].id() if len(ids) == 1 else None


def _list(sequence: Any) -> list[Any]:
    return [sequence.apply(place) for place in range(sequence.size())]
