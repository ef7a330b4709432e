"""Reading Delta tables without Spark."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from pipelines.tables.reading import between, earlier, equal, one_of, read_rows

NAMES = ["plain", "O'Hare", 'a "b"', "back\\slash", "ünïcode", ""]
DAYS = [dt.date(2026, 1, day) for day in range(1, len(NAMES) + 1)]


@pytest.fixture(scope="module")
def location(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("table"))
    reasons = [[{"rule": name, "count": number}] for number, name in enumerate(NAMES)]
    table = pa.table({"name": NAMES, "The Day": DAYS, "reasons": reasons, "bytes": [name.encode() for name in NAMES]})
    write_deltalake(folder, table, partition_by=["The Day"])
    return folder


def names(location: str, where: str) -> set[str]:
    return set(read_rows(DeltaTable(location), ["name"], where)["name"].to_pylist())


@pytest.mark.parametrize("name", NAMES)
def test_a_value_is_found_whatever_characters_it_holds(location: str, name: str) -> None:
    assert names(location, equal("name", name)) == {name}


def test_conditions_on_dates_and_lists(location: str) -> None:
    assert names(location, between("The Day", DAYS[1], DAYS[2])) == set(NAMES[1:3])
    assert names(location, earlier("The Day", DAYS[1])) == {NAMES[0]}
    assert names(location, one_of("name", NAMES[2:4])) == set(NAMES[2:4])
    assert names(location, one_of("name", [])) == set()


def test_types_are_those_that_every_reader_of_arrow_knows(location: str) -> None:
    table = read_rows(DeltaTable(location))
    reason = pa.struct([("count", pa.int64()), ("rule", pa.string())])
    assert table.schema.field("name").type == pa.string()
    assert table.schema.field("bytes").type == pa.binary()
    found = table.schema.field("reasons").type.value_type
    assert {field.name: field.type for field in found} == {field.name: field.type for field in reason}
    assert sorted(row["reasons"][0]["rule"] for row in table.to_pylist()) == sorted(NAMES)


def test_a_process_that_read_a_table_ends_well(location: str) -> None:
    code = f"import deltalake, pipelines.tables.reading as r; r.read_rows(deltalake.DeltaTable({location!r}))"
    for _ in range(8):
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")
