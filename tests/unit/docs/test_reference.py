"""The reference names what the code has: tables with their columns and types, states, views, errors."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from typing import get_args

import pyarrow as pa
from pyspark.sql import types as T
from pyspark.sql.pandas.types import from_arrow_schema
from support.documented_commands import ROOT

from pipelines import errors, schemas
from pipelines.reports.view_queries import VIEWS
from pipelines.resolution.manifest import Manifest
from pipelines.tables.ledger import State

TABLES = (ROOT / "docs/reference/tables.md").read_text(encoding="utf-8")
ERRORS = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text below a heading, up to the next."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TABLES, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def columns_of(title: str) -> dict[str, str]:
    """The columns that the section's table names, with their types."""
    return dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", section(title), re.MULTILINE))


def types_of(schema: T.StructType) -> dict[str, str]:
    return {field.name: field.dataType.simpleString() for field in schema}


def test_each_table_has_its_columns_and_types() -> None:
    runs: pa.Schema = schemas.RUNS
    assert columns_of("predictions") == types_of(schemas.predictions([], {}))
    assert columns_of("quarantine") == types_of(schemas.quarantine([]))
    assert columns_of("runs") == types_of(from_arrow_schema(runs, prefer_timestamp_ntz=False))


def test_each_state_of_a_run_is_told() -> None:
    (told,) = re.findall(r"^\| `state` \| `string` \| (.*) \|$", TABLES, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", told)) == set(get_args(State))


def test_each_key_of_a_manifest_is_told() -> None:
    (told,) = re.findall(r"The manifest:\n(.*)", section("runs"), re.DOTALL)
    named = {
        name for line in told.splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1] if "|" in line else "")
    }
    assert named == {field.name for field in fields(Manifest)}


def test_each_view_is_told() -> None:
    rows = re.findall(r"^\| (`[^|]*`) \|", section("Views"), re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] != []
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(VIEWS)


def test_each_error_is_told_with_its_exit_code() -> None:
    told = {name: int(code) for name, code in re.findall(r"^\| `(\w+Error)` \| (\d) \|", ERRORS, re.MULTILINE)}
    assert told == {
        name: kind.exit_code
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.PipelineError) and kind is not errors.PipelineError
    }
