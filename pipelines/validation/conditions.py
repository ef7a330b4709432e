"""Row conditions: whichever of Great Expectations' parsers read them, one SQL text for Spark."""

from __future__ import annotations

import json
from typing import Any

from pipelines.expressions.names import quoted


def condition_sql(condition: Any) -> str:
    r"""The condition as SQL.

    Args:
        condition: as Great Expectations writes one that it has parsed: an object with a `type`.

    Raises:
        ValueError: it is of a kind that is not known.

    >>> condition_sql({"type": "comparison", "column": {"name": "a"}, "operator": "IN", "parameter": ["it's", "b"]})
    "`a` IN ('it\\'s', 'b')"
    """
    match condition:
        case {"type": "pass_through", "pass_through_filter": str(text)}:
            return text
        case {"type": "nullity", "column": {"name": str(name)}, "is_null": is_null}:
            return f"{path(name)} IS {'' if is_null else 'NOT '}NULL"
        case {
            "type": "comparison",
            "column": {"name": str(name)},
            "operator": "IN" | "NOT_IN" as verb,
            "parameter": of,
        }:
            listed = ", ".join(literal(value) for value in of)
            return f"{path(name)} {verb.replace('_', ' ')} ({listed})"
        case {"type": "comparison", "column": {"name": str(name)}, "operator": str(verb), "parameter": value}:
            return f"{path(name)} {verb} {literal(value)}"
        case {"type": "and" | "or" as verb, "conditions": list(parts)}:
            return "(" + f" {verb.upper()} ".join(condition_sql(part) for part in parts) + ")"
    raise ValueError(f"no row condition that Spark could take: {json.dumps(condition, default=str)}")


def path(name: str) -> str:
    """A column's name, or a path into a struct, as SQL."""
    return ".".join(quoted(part) for part in name.replace("`", "").split("."))


def literal(value: Any) -> str:
    """A value as SQL."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    if isinstance(value, int | float):
        return repr(value)
    raise ValueError(f"{value!r} is no text or number")
