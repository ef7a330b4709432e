"""Numbers in texts: which columns hold some, how they are written, and what stands where one is missing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.config import TextFormat
from pipelines.errors import UnguessedError
from pipelines.expressions.text_patterns import floating_number, whole_number

SIGNS = (
    (".", ""),
    (",", ""),
    (".", ","),
    (",", "."),
    (",", " "),
    (",", "\u00a0"),
    (",", "\u202f"),
    (".", " "),
    (".", "'"),
    (".", "\u2019"),
)
"""Decimal and thousands signs, the usual ones first."""
NULLS = ("NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", r"\N", "-", "--", "?")
"""Texts that may stand for a missing value among numbers."""
NUMBER_LIKE = re.compile(r"[+-]?[0-9][0-9.,'\u2019 \u00a0\u202f]*(?:[eE][+-]?[0-9]+)?")
"""What is written like a number, with whichever signs."""
_DAY_LIKE = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
_LONGEST_WHOLE = 18
"""Digits that every BIGINT has room for."""


def number_type(values: Sequence[str], spelling: TextFormat) -> str | None:
    """The SQL type of the numbers that a column holds; None where it holds other texts, or numbers that are codes.

    A number that begins with a zero or a plus, or is one of the days of a calendar, may well be none.

    >>> number_type(["1", "", "20"], TextFormat()), number_type(["12,50", "7"], TextFormat(decimal=","))
    ('bigint', 'double')
    >>> [number_type([text], TextFormat()) for text in ("02139", "12D", "20240301", "2024-03", "TRUE")]
    [None, None, None, None, None]
    """
    texts = [value.strip() for value in values if value not in spelling.nulls and value.strip()]
    if not texts or any(re.match(r"\+|-?0[0-9]", text) for text in texts) or all(map(_DAY_LIKE.fullmatch, texts)):
        return None
    whole = re.compile(whole_number(spelling.thousands))
    if all(map(whole.fullmatch, texts)):
        return "bigint" if max(map(len, texts)) <= _LONGEST_WHOLE else None
    floating = re.compile(floating_number(spelling.decimal, spelling.thousands))
    return "double" if all(map(floating.fullmatch, texts)) else None


def _are_numbers(values: Sequence[str]) -> bool:
    """Whether most values are like numbers, and some is."""
    given = [value for value in values if value and value not in NULLS]
    return bool(given) and sum(map(bool, map(NUMBER_LIKE.fullmatch, given))) * 2 > len(given)


def guess_nulls(columns: Sequence[Sequence[str]], header: Sequence[str]) -> tuple[tuple[str, ...], str, str]:
    """The texts that stand for missing values among numbers; what was seen, and what a person should look at.

    Args:
        columns: the values of each column.
        header: the columns' names.
    """
    among = Counter(value for values in columns if _are_numbers(values) for value in values if value in NULLS)
    if not among:
        return ("",), "", ""
    found = tuple(among)
    elsewhere = [
        column
        for column, values in zip(header, columns, strict=False)
        if not _are_numbers(values) and not among.keys().isdisjoint(values)
    ]
    seen = "; ".join(f"'{text}' {times} times among numbers" for text, times in among.items())
    also = (
        f"{' and '.join(map(repr, found))} would be missing values in {', '.join(elsewhere)} too" if elsewhere else ""
    )
    return ("", *found), f"nulls: {seen}", also


def guess_signs(
    columns: Sequence[Sequence[str]], nulls: Sequence[str], said: Mapping[str, Any], *, separator: str
) -> tuple[tuple[str, str], str, str]:
    """The decimal and the thousands sign that read most numbers; what was seen, and what a person should look at.

    Args:
        columns: the values of each column.
        nulls: the texts that stand for missing values.
        said: options that a person gave, which win.
        separator: the sign between values.

    Raises:
        UnguessedError: numbers can be read in two ways, and neither is the likelier one.
    """
    texts = [
        value
        for values in columns
        if _are_numbers(values)
        for value in values
        if value not in nulls and not value.isdigit() and NUMBER_LIKE.fullmatch(value)
    ]
    fitting = {
        signs: {text for text in texts if re.fullmatch(floating_number(*signs), text)}
        for signs in SIGNS
        if said.get("decimal", signs[0]) == signs[0] and said.get("thousands", signs[1]) == signs[1]
    }
    if not fitting:
        return (said.get("decimal", "."), said.get("thousands", "")), "", ""
    most = max(map(len, fitting.values()))
    best = [signs for signs, read in fitting.items() if len(read) == most]
    signs = best[0]
    rival = next((other for other in best[1:] if _differ(fitting[signs], signs, other)), None)
    example = next((text for text in sorted(fitting[signs]) if _differ({text}, signs, rival or signs)), "")
    if rival is None:
        return signs, _describe(signs, texts, fitting), ""
    one, other = _value(example, signs), _value(example, rival)
    # Where commas separate values, one within a number is seldom its decimal sign; where they do not, it often is.
    if (separator == ",") == (signs[0] == ","):
        raise UnguessedError(
            f"numbers such as {example} can be read in two ways",
            expected=f"{one} or {other}",
            remedy=f"say --text decimal='{signs[0]}' for {one}, or --text thousands='{rival[1]}' for {other}",
        )
    return signs, _describe(signs, texts, fitting), f"{example} is read as {one}; with other signs it would be {other}"


def _describe(signs: tuple[str, str], texts: Sequence[str], fitting: Mapping[tuple[str, str], set[str]]) -> str:
    if signs == (".", ""):
        return ""
    read = sum(text in fitting[signs] for text in texts)
    groups = f", '{signs[1]}' between thousands" if signs[1] else ""
    return f"decimal sign '{signs[0]}'{groups}: {read} of {len(texts)} numbers with signs"


def _differ(texts: set[str], one: tuple[str, str], other: tuple[str, str]) -> bool:
    return any(_value(text, one) != _value(text, other) for text in texts)


def _value(text: str, signs: tuple[str, str]) -> str:
    decimal, thousands = signs
    return str(float((text.replace(thousands, "") if thousands else text).replace(decimal, ".")))
