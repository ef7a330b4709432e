"""Which texts can be read as times, dates and JSON: no text may stop a run."""

from __future__ import annotations

import datetime as dt
import json
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.expressions.parsing import reader

SCHEMA = json.dumps({"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}, "required": ["age"]})
TEXTS: list[tuple[str, str, str, bool]] = [
    ("time", "%Y-%m-%d", "2013-07-01", True),
    ("time", "%Y-%m-%d", "2013-7-1", True),
    ("time", "%Y-%m-%d", "2013-02-30", False),
    ("time", "%Y-%m-%d", "2013-07-01 10:00", False),
    ("time", "%Y-%m-%d", " 2013-07-01", False),
    ("time", "%Y-%m-%d", "", False),
    ("time", "%H:%M", "23:59", True),
    ("time", "%H:%M", "24:00", False),
    ("date", "", "2013-07-01", True),
    ("date", "", "1 July 2013, 10:30 pm", True),
    ("date", "", "July", True),
    ("date", "", "", False),
    ("date", "", "gestern", False),
    ("date", "", "2013-02-30", False),
    ("date", "", "99999999999999999999", False),
    ("json", "", "{}", True),
    ("json", "", '{"a": [1, null, "x"]}', True),
    ("json", "", "3", True),
    ("json", "", "NaN", True),  # Python's parser takes it, and so does Great Expectations
    ("json", "", "{'a': 1}", False),
    ("json", "", '{"a": 1', False),
    ("json", "", "", False),
    ("json", "", "1" * 5000, False),
    ("json", "", "[" * 100_000, False),
    ("json_schema", SCHEMA, '{"age": 3}', True),
    ("json_schema", SCHEMA, '{"age": 3, "name": "x"}', True),
    ("json_schema", SCHEMA, '{"age": -1}', False),
    ("json_schema", SCHEMA, '{"age": "3"}', False),
    ("json_schema", SCHEMA, "{}", False),
    ("json_schema", SCHEMA, "[]", False),
    ("json_schema", SCHEMA, "{", False),
    ("json_schema", "{}", "3", True),
    ("json_schema", '{"multipleOf": 0.5}', "1e400", False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "how", "text", "expected"), TEXTS, ids=[f"{what}-{text[:25]}" for what, _, text, _ in TEXTS]
)
def test_a_text_can_be_read_or_not(what: str, how: str, text: str, expected: bool) -> None:
    assert reader(what, how)(text) is expected


@given(st.dates(), st.sampled_from(["", "x", " ", "-01"]))
def test_a_date_is_read_as_it_is_written_and_with_nothing_behind_it(day: dt.date, behind: str) -> None:
    text = day.isoformat() + behind
    assert reader("time", "%Y-%m-%d")(text) is (behind == "")


@given(st.datetimes())
def test_every_iso_time_is_a_date(time: dt.datetime) -> None:
    assert reader("date", "")(time.isoformat())


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(values)
def test_whatever_is_written_as_json_is_json(value: Any) -> None:
    assert reader("json", "")(json.dumps(value))
    assert reader("json_schema", "{}")(json.dumps(value))


@given(st.lists(values) | st.dictionaries(st.text(), values))
def test_json_that_is_cut_is_none(value: Any) -> None:
    assert not reader("json", "")(json.dumps(value)[:-1])


@given(values)
def test_a_schema_allows_what_it_says(value: Any) -> None:
    is_text = isinstance(value, str)
    assert reader("json_schema", '{"type": "string"}')(json.dumps(value)) is is_text
    assert reader("json_schema", '{"not": {"type": "string"}}')(json.dumps(value)) is not is_text


@given(st.text(), st.sampled_from([("time", "%Y"), ("date", ""), ("json", ""), ("json_schema", SCHEMA)]))
def test_no_text_stops_a_run(text: str, kind: tuple[str, str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dateutil warns of time zones that it does not know
        assert reader(*kind)(text) in (True, False)


def test_a_reader_is_made_once_for_each_format() -> None:
    assert reader("time", "%Y") is reader("time", "%Y")
    assert reader("time", "%Y") is not reader("time", "%m")
