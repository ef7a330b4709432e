"""Row conditions: whichever of Great Expectations' parsers read them, one SQL text for Spark."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from pipelines.expressions.names import quoted

_PART = r"`(?:[^`]|``)+`|[^.`][^.]*"


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
            if not listed:  # which Great Expectations allows, and SQL does not
                return "FALSE" if verb == "IN" else "TRUE"
            return f"{path(name)} {verb.replace('_', ' ')} ({listed})"
        case {"type": "comparison", "column": {"name": str(name)}, "operator": str(verb), "parameter": value}:
            return f"{path(name)} {verb} {literal(value)}"
        case {"type": "and" | "or" as verb, "conditions": [_, *_] as parts}:
            return "(" + f" {verb.upper()} ".join(condition_sql(part) for part in parts) + ")"
    raise ValueError(f"no row condition that Spark could take: {json.dumps(condition, default=str)}")


def path(name: str) -> str:
    """A column's name, or a path into a struct, as SQL; what stands in backticks is one name, whatever it holds.

    >>> path("address.city"), path("`a.b`.c")
    ('`address`.`city`', '`a.b`.`c`')
    """
    if not re.fullmatch(rf"(?:{_PART})(?:\.(?:{_PART}))*", name):
        return quoted(name)
    return ".".join(part if part.startswith("`") else quoted(part) for part in re.findall(_PART, name))


def literal(value: Any) -> str:
    """A value as SQL."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    if isinstance(value, int | float) and math.isfinite(value):
        return repr(value)
    raise ValueError(f"{value!r} is no text or number")
