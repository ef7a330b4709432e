"""Row conditions: whichever of Great Expectations' parsers read them, one SQL text for Spark."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from pipelines.expressions.names import quoted

UNKNOWN = object()
"""A condition that is not read here: Great Expectations has to be asked."""
_PART = r"`(?:[^`]|``)+`|[^.`][^.]*"
_ASCII_TEXT = r"[A-Za-z0-9 \t!#$%&()*+,\-./:;<=>?@\[\]^_`{|}~]+"
_OF_GREAT_EXPECTATIONS = re.compile(
    r'\s*col\("(?P<column>[^"\\\n]+)"\)\s*'
    r"(?:(?P<there>(?i:\.notnull\(\)))"
    rf"|(?P<verb>[<>]=?|[=!]=)\s*(?:(?P<number>[+-]?\d+(?:\.\d+)?)|(?P<date>date\()?(?P<quote>[\"'])(?P<text>{_ASCII_TEXT})"
    r"(?P=quote)(?(date)\)))"
    r")\s*",
    re.ASCII,
)
"""Its own language, which it no longer recommends: `col("NAME").notNull()`, or a comparison with a number or a text."""
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_MOST_PARTS = 10
"""A tenth of what Great Expectations takes, so that there are never too many two levels deep."""


def written_condition(written: Any, parser: Any) -> Any:
    """A suite's row condition as Great Expectations writes one that it has parsed; `UNKNOWN` where it must be asked.

    Args:
        written: `row_condition`, as the suite has it.
        parser: `condition_parser`, as the suite has it.
    """
    if written is None and parser in (None, "spark", "great_expectations"):
        return None
    if isinstance(written, str):
        if parser in (None, "spark"):
            return {"type": "pass_through", "pass_through_filter": written}
        return _parsed(written) if parser == "great_expectations" else UNKNOWN
    return written if parser in (None, "spark", "great_expectations") and _is_right(written) else UNKNOWN


def _parsed(text: str) -> Any:
    found = _OF_GREAT_EXPECTATIONS.fullmatch(text)
    if found is None:
        return UNKNOWN
    column = {"name": found["column"]}
    if found["there"]:
        return {"type": "nullity", "column": column, "is_null": False}
    number = found["number"]
    value = found["text"] if number is None else float(number) if "." in number else int(number)
    return {"type": "comparison", "column": column, "operator": found["verb"], "parameter": value}


def _is_right(condition: Any, joins: tuple[str, ...] = ("or", "and")) -> bool:
    """Whether an object is certainly a condition: comparisons, joined by AND below OR at most."""
    match condition:
        case {"type": "and" | "or" as verb, "conditions": [_, *_] as parts, **rest}:
            below = joins[joins.index(verb) + 1 :] if verb in joins else ()
            fits = verb in joins and not rest and len(parts) <= _MOST_PARTS
            return fits and all(_is_right(part, below) for part in parts)
        case {"type": "pass_through", "pass_through_filter": str(), **rest}:
            return not rest and joins == ("or", "and")
        case {"type": "nullity", "column": {"name": str(), **more}, "is_null": bool(), **rest}:
            return not rest and not more
        case {"type": "comparison", "column": {"name": str(), **more}, "operator": verb, "parameter": value, **rest}:
            return not rest and not more and _can_be_compared(verb, value)
    return False


def _can_be_compared(verb: Any, value: Any) -> bool:
    if verb in ("IN", "NOT_IN"):
        texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return texts or (isinstance(value, list) and all(map(_is_number, value)))
    return verb in _COMPARISONS and (isinstance(value, str) or _is_number(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


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
