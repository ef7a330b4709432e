"""What ends a run where no row can be refused for it: raised by Spark, and shown as the project's own errors."""

from __future__ import annotations

import json
import re

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.errors import SourceError

_MARK = "lakescore refuses: "
_HEADER = re.compile(
    r"CSV header does not conform.*?\n\s*Header: (?P<found>[^\n]*)\n\s*Schema: (?P<expected>[^\n]*)", re.DOTALL
)
_LENGTH = re.compile(
    r"Number of column in CSV header is not equal.*?"
    r"Header length: (?P<found>\d+), schema size: (?P<expected>\d+)",
    re.DOTALL,
)
_FILE = re.compile(r"reading file (?P<file>\S+?)\.?\s+SQLSTATE")
_QUOTES = "TextParsingException"


def raised(problem: str, expected: str, remedy: str) -> Column:
    """Ends the run where it is computed, with a message of the project's own.

    Args:
        problem: what is wrong; it holds no value of a row.
        expected: what would have been right.
        remedy: what to do about it.
    """
    return F.raise_error(F.lit(_MARK + json.dumps([problem, expected, remedy])))


def refused_by(error: Exception) -> SourceError | None:
    """What of a text source ended a pass, in the project's words; None where it was something else."""
    text = str(error)
    if _MARK in text:
        parts, _ = json.JSONDecoder().raw_decode(text, text.index(_MARK) + len(_MARK))
        problem, expected, remedy = parts
        return SourceError(problem, expected=expected, remedy=remedy)
    file = _FILE.search(text)
    where = "a CSV file" if file is None else file["file"]
    for differs in (_HEADER, _LENGTH):
        found = differs.search(text)
        if found is not None:
            return SourceError(
                f"{where} has another header than the first file of its source",
                expected=found["expected"],
                found=found["found"],
                remedy="write all files of a source with the same columns in the same order",
            )
    if _QUOTES in text:
        return SourceError(
            f"{where} has a quoted value that goes on behind its closing quote: where it ends is unknown",
            expected="values with a quote at their beginning and end, and quotes within escaped",
            remedy=r"say how quotes are escaped under the source, such as text: {escape: '\'}; text: {quote: ''} where "
            "quotes mean nothing; or mend the file",
        )
    return None
