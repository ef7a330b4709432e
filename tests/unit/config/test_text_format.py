"""How a text source may be configured."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipelines.config import Source, TextFormat


def test_without_a_word_texts_are_as_the_standard_has_them() -> None:
    observed = TextFormat()
    assert (observed.separator, observed.quote, observed.escape) == (",", '"', '"')
    assert (observed.decimal, observed.thousands, observed.nulls) == (".", "", ("",))
    assert hash(observed) == hash(TextFormat())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"separator": ";;"}, "at most 1 character"),
        ({"separator": '"'}, "'separator' and 'quote' are the same sign"),
        ({"decimal": ",", "thousands": ","}, "'decimal' and 'thousands' are the same sign"),
        ({"thousands": "0"}, "no letters or digits"),
        ({"encoding": "utf-9"}, "no encoding of that name is known"),
        ({"encoding": "base64"}, "no encoding of that name is known"),
        ({"encoding": "UTF-16", "line_breaks": False}, "leave out 'line_breaks'"),
        ({"seperator": ";"}, "Extra inputs are not permitted"),
    ],
)
def test_an_option_that_says_nothing_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        TextFormat.model_validate(options)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("UTF-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("UTF-16LE", "utf-16le"),
        ("latin-1", "iso8859-1"),
        ("cp1252", "cp1252"),
    ],
)
def test_java_knows_the_encoding_by_its_name(encoding: str, expected: str) -> None:
    assert TextFormat(encoding=encoding).java_encoding == expected


def test_the_slice_says_that_its_column_is_a_date_unless_the_contract_says_otherwise() -> None:
    source = Source(path="a", format="csv", slice={"column": "day"}, columns={"n": "int"})  # type: ignore[arg-type]
    assert source.column_types == {"day": "date", "n": "int"}
    assert source.model_copy(update={"columns": {"day": "string"}}).column_types == {"day": "string"}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"format": "parquet", "text": {"decimal": ","}}, "'text' goes with the formats csv and jsonl"),
        ({"format": "jsonl"}, "JSON lines have no header: 'columns' names those to be read"),
        ({"format": "jsonl", "columns": {"a": "int"}, "text": {"separator": ";"}}, "JSON lines have no separator"),
        ({"format": "jsonl", "columns": {"a": "int"}, "other_columns": "refuse"}, "leave out 'other_columns'"),
        ({"format": "csv", "text": {"header": False}}, "'columns' names all columns of the file in their order"),
    ],
)
def test_a_source_that_cannot_be_so_is_refused(source: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Source.model_validate({"path": "a", **source})
