"""What a name of a Delta table means is told by each version's metadata, and changes of it change fingerprints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from deltalake import DeltaTable

from pipelines.errors import SourceError
from pipelines.tables.columns import Columns
from pipelines.tables.commit_history import NEARBY
from pipelines.tables.commit_log import commits_backwards
from pipelines.tables.fingerprints import DeltaSource, Known
from pipelines.tables.reach import Reach
from unit.samples import DAY_1, DAY_2

SLICE = Reach("d", DAY_1, DAY_1)
Action = Mapping[str, Any]


def field(name: str, kind: Any = "date", physical: str | None = None) -> dict[str, Any]:
    metadata = {}
    if physical is not None:
        metadata = {"delta.columnMapping.physicalName": physical, "delta.columnMapping.id": crc32(physical.encode())}
    return {"name": name, "type": kind, "nullable": True, "metadata": metadata}


def physical(field: Mapping[str, Any]) -> str:
    return str(field["metadata"].get("delta.columnMapping.physicalName", field["name"]))


class Log:
    """A table's log, written by hand: commit by commit, without data files."""

    def __init__(self, folder: Path, *, partitioned: bool = False) -> None:
        self.folder, self.version, self.partitioned = folder / "t", -1, partitioned
        (self.folder / "_delta_log").mkdir(parents=True)

    def metadata(self, *fields: Mapping[str, Any], mode: str = "name") -> Action:
        """The columns; a table with partitions has those of the column that was first called `d`."""
        first = [field["name"] for field in fields if physical(field) in ("col-1", "d")]
        return {
            "metaData": {
                "id": "table",
                "format": {"provider": "parquet", "options": {}},
                "schemaString": json.dumps({"type": "struct", "fields": fields}),
                "partitionColumns": first if self.partitioned else [],
                "configuration": {"delta.columnMapping.mode": mode},
            }
        }

    def file(self, path: str, first: Any, second: Any, names: tuple[str, str] = ("col-1", "col-2")) -> Action:
        """A file whose rows have these dates in the columns that were first called `d` and `event`."""
        values = dict(zip(names, map(str, (first, second)), strict=True))
        partition = {names[0]: values.pop(names[0])} if self.partitioned else {}
        stats = {"numRecords": 1, "minValues": values, "maxValues": values, "nullCount": {}}
        add = {"path": path, "partitionValues": partition, "size": 1, "modificationTime": 1, "dataChange": True}
        return {"add": {**add, "stats": json.dumps(stats)}}

    def commit(self, *actions: Action, operation: str = "WRITE") -> None:
        self.version += 1
        told = [{"commitInfo": {"timestamp": self.version, "operation": operation}}, *actions]
        if self.version == 0:
            told.append({"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}})
        file = self.folder / "_delta_log" / f"{self.version:020d}.json"
        file.write_text("\n".join(map(json.dumps, told)), encoding="utf-8")

    def cut(self) -> None:
        """Leave the last commit only, after a checkpoint."""
        DeltaTable(str(self.folder)).create_checkpoint()
        self.commit()
        for version in range(self.version):
            (self.folder / "_delta_log" / f"{version:020d}.json").unlink(missing_ok=True)

    def fingerprint(self, known: Known | None = None) -> str:
        return DeltaSource(str(self.folder)).pin(SLICE, known).fingerprint

    def known(self) -> Known:
        return Known(self.version, self.fingerprint())


D, EVENT = field("d", physical="col-1"), field("event", physical="col-2")
SWAPPED = (field("load", physical="col-1"), field("d", physical="col-2"))


@pytest.fixture(params=[True, False], ids=["partitioned", "by statistics"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Log:
    """A table with one row."""
    log = Log(tmp_path, partitioned=request.param)
    log.commit(log.metadata(D, EVENT))
    log.commit(log.file("a", DAY_1, DAY_2))
    return log


def test_a_file_is_found_by_the_physical_name(log: Log) -> None:
    before = log.known()
    log.commit(log.file("b", DAY_2, DAY_1))
    assert log.fingerprint() == log.fingerprint(before) == before.fingerprint == "table@1"
    log.commit(log.file("c", DAY_1, DAY_1))
    assert log.fingerprint() == log.fingerprint(before) == "table@3"


def test_a_name_that_means_another_column_changes_the_slice_once(log: Log) -> None:
    before = log.known()
    log.commit(log.metadata(*SWAPPED), operation="RENAME COLUMN")
    after = log.known()
    assert log.fingerprint(before) == after.fingerprint == "table@2"
    log.commit(log.file("b", DAY_1, DAY_2))  # no longer the slice's
    assert log.fingerprint() == log.fingerprint(before) == log.fingerprint(after) == "table@2"
    log.commit(log.file("c", DAY_2, DAY_1))
    assert log.fingerprint() == log.fingerprint(before) == log.fingerprint(after) == "table@4"


def test_a_name_that_comes_back_to_its_column_is_seen_by_who_knew_the_other(log: Log) -> None:
    log.commit(log.metadata(*SWAPPED))
    between = log.known()
    log.commit(log.metadata(D, EVENT))
    assert log.fingerprint(between) == log.fingerprint() == "table@3"


@pytest.mark.parametrize(
    "fields",
    [
        (D, field("other", physical="col-2")),
        (D,),
        (D, EVENT, field("new", "long", physical="col-9")),
        ({**D, "nullable": False}, {**EVENT, "metadata": {**EVENT["metadata"], "comment": "of the shop"}}),
    ],
    ids=["renamed", "dropped", "added", "commented"],
)
def test_other_columns_may_be_renamed_dropped_added_and_commented(log: Log, fields: tuple[Any, ...]) -> None:
    before = log.known()
    log.commit(log.metadata(*fields))
    assert log.fingerprint() == log.fingerprint(before) == before.fingerprint


@pytest.mark.parametrize(
    "fields",
    [(D, field("event", physical="col-9")), (D, field("event", "timestamp", physical="col-2"))],
    ids=["dropped and added again", "widened"],
)
def test_a_name_with_other_values_changes_the_slice(log: Log, fields: tuple[Any, ...]) -> None:
    before = log.known()
    log.commit(log.metadata(D))
    log.commit(log.metadata(*fields))
    assert log.fingerprint() == log.fingerprint(before) != before.fingerprint


def test_a_field_within_a_column_counts_by_both_of_its_names(tmp_path: Path) -> None:
    log = Log(tmp_path)

    def shape(name: str, physical: str) -> Action:
        inner = {"type": "struct", "fields": [field(name, "long", physical)]}
        nested = {"type": "array", "elementType": inner, "containsNull": True}
        return log.metadata(D, field("items", nested, "col-2"))

    log.commit(shape("price", "col-3"))
    log.commit(log.file("a", DAY_1, DAY_1))
    seen = [log.fingerprint()]
    for name, physical in (("price", "col-3"), ("cost", "col-3"), ("cost", "col-4")):
        log.commit(shape(name, physical))
        seen.append(log.fingerprint())
    assert seen == ["table@1", "table@1", "table@3", "table@4"]


def test_a_mapping_that_is_taken_off_changes_no_row_and_older_files_are_still_found(log: Log) -> None:
    before = log.known()
    rewritten = log.file("a-rewritten", DAY_1, DAY_2, ("d", "event"))
    rewritten = {"add": {**rewritten["add"], "dataChange": False}}
    removed = {"remove": {"path": "a", "deletionTimestamp": 1, "dataChange": False}}
    unmapped = log.metadata(field("d"), field("event"), mode="none")
    log.commit(unmapped, removed, rewritten, operation="REMOVE COLUMN MAPPING")
    assert log.fingerprint() == log.fingerprint(before) == before.fingerprint
    log.commit(log.file("c", DAY_2, DAY_1, ("d", "event")))
    assert log.fingerprint() == log.fingerprint(before) == before.fingerprint
    log.commit(log.file("e", DAY_1, DAY_1, ("d", "event")))
    assert log.fingerprint() == log.fingerprint(before) == "table@4"


def test_a_restore_to_before_a_mapping_is_not_taken_for_one_that_is_taken_off(tmp_path: Path) -> None:
    log = Log(tmp_path)
    plain = log.metadata(field("d"), field("event"), mode="none")
    log.commit(plain)
    log.commit(log.file("a", DAY_1, DAY_1, ("d", "event")))
    log.commit(log.metadata(field("load", physical="d"), field("d", physical="event")))
    swapped = log.known()
    log.commit(plain, operation="RESTORE")
    assert log.fingerprint(swapped) == log.fingerprint() == "table@3"


@pytest.mark.parametrize("between", [0, NEARBY + 1], ids=["near", "far"])
def test_the_columns_before_a_change_are_found_however_far_back(log: Log, between: int) -> None:
    before = log.known()
    for number in range(between):
        log.commit(log.file(f"x{number}", DAY_2, DAY_2))
    log.commit(log.metadata(*SWAPPED))
    assert log.fingerprint() == log.fingerprint(before) == f"table@{log.version}"


def test_a_log_that_no_longer_tells_the_columns_before_gives_a_digest_of_files_and_names(log: Log) -> None:
    log.cut()
    before = log.known()
    assert before.fingerprint.startswith("table#")
    log.commit(log.file("b", DAY_2, DAY_1))
    assert log.fingerprint(before) == before.fingerprint
    log.commit(log.metadata(*SWAPPED))
    log.cut()
    assert log.fingerprint(before).startswith("table#")
    assert log.fingerprint(before) != before.fingerprint


def test_whether_there_may_be_rows_is_told_by_physical_names_too(log: Log) -> None:
    source = DeltaSource(str(log.folder))
    days = [Reach("d", day, day) for day in (DAY_1, DAY_2)]
    assert [source.may_have_rows(day) for day in days] == [True, False]
    assert DeltaSource(str(log.folder)).may_have_rows(Reach("event", DAY_2, DAY_2))
    assert not DeltaSource(str(log.folder)).may_have_rows(Reach("event", DAY_1, DAY_1))


def test_a_table_that_delta_rs_cannot_open_is_refused_by_name(tmp_path: Path) -> None:
    log = Log(tmp_path)
    features = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["x"], "writerFeatures": ["x"]}
    log.commit(log.metadata(D, mode="none"))
    log.commit({"protocol": features})
    with pytest.raises(SourceError, match="cannot be opened") as caught:
        log.fingerprint()
    assert "DROP FEATURE" in str(caught.value)
    assert "'x'" in str(caught.value)


def test_a_table_without_a_mapping_calls_its_columns_by_their_names() -> None:
    schema = json.dumps({"type": "struct", "fields": [field("d", physical="col-1")]})
    assert Columns.of(schema, {}).physical_name("d") == "d"
    assert Columns.of(schema, {"delta.columnMapping.mode": "id"}).physical_name("d") == "col-1"
    assert Columns.of(schema, {}).physical_name("unknown") == "unknown"


def test_types_are_spelt_alike_by_the_log_and_by_delta_rs(tmp_path: Path) -> None:
    kinds = "string long integer short byte float double boolean binary date timestamp decimal(10,2) decimal(38,0)"

    def inner(physical: str) -> dict[str, Any]:
        return {
            "type": "struct",
            "fields": [field("x", "decimal(5,1)", f"{physical}-x"), field("y", "string", physical)],
        }

    nested = [
        {"type": "array", "elementType": inner("a"), "containsNull": False},
        {"type": "map", "keyType": "string", "valueType": inner("b"), "valueContainsNull": True},
        inner("c"),
    ]
    fields = [field(f"c{place}", kind, f"col-{place}") for place, kind in enumerate([*kinds.split(), *nested])]
    log = Log(tmp_path)
    log.commit(log.metadata(*fields))
    (commit,) = commits_backwards(str(log.folder), 0)
    table = DeltaTable(str(log.folder))
    assert commit.columns == Columns.of(table.schema().to_json(), table.metadata().configuration)
