"""Whether texts can be read as times, dates or JSON: asked of Python's own parsers, a batch at a time."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql.pandas.functions import arrow_udf


def parses(text: Column, what: Literal["time", "date", "json", "json_schema"], how: str) -> Column:
    """Whether a text can be read; null where it is null.

    Args:
        text: a column of texts.
        what: as what; see `Parses`.
        how: a strptime format, or a JSON Schema as JSON.
    """

    def readable(values: pa.Array) -> pa.Array:
        reads = reader(what, how)
        # A batch holds few different texts where they are dates or codes: each is read once.
        asked = {value: reads(value) for value in set(values.to_pylist()) if value is not None}
        return pa.array([asked.get(value) for value in values.to_pylist()], pa.bool_())

    readable.__annotations__ = {"values": pa.Array, "return": pa.Array}  # by which Spark knows the kind of UDF
    udf: Callable[[Column], Column] = arrow_udf(readable, "boolean")  # type: ignore[call-overload]
    return udf(text)


@lru_cache(maxsize=64)
def reader(what: str, how: str) -> Callable[[str], bool]:
    """A function that tells whether a text can be read."""
    if what == "time":
        return _succeeds(lambda text: dt.datetime.strptime(text, how))
    if what == "date":
        from dateutil import parser

        return _succeeds(parser.parse)
    if what == "json":
        return _succeeds(json.loads)
    import jsonschema

    schema = json.loads(how)
    # Made once: to check the schema itself takes far longer than to check a text by it.
    validator = jsonschema.validators.validator_for(schema)(schema)
    return _succeeds(lambda text: validator.validate(json.loads(text)))


def _succeeds(read: Callable[[str], Any]) -> Callable[[str], bool]:
    def succeeds(text: str) -> bool:
        try:
            read(text)
        except Exception:  # whatever a parser makes of a text: it must neither end the run nor be quoted
            return False
        return True

    return succeeds
