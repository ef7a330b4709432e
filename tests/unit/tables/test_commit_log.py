"""The log, read as the protocol lays it down."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake

from pipelines.errors import SourceError
from pipelines.tables.commit_log import commits_backwards, latest_version
from unit.samples import DAY_1, DAY_2, land


def test_the_newest_version_is_the_last_commit(tmp_path: Path) -> None:
    location = land(tmp_path / "t", {DAY_1: 1})
    assert latest_version(location) == 0
    land(tmp_path / "t", {DAY_2: 1})
    assert latest_version(location) == 1


def test_the_newest_version_is_read_from_an_address_too(tmp_path: Path) -> None:
    land(tmp_path / "t", {DAY_1: 1})
    assert latest_version((tmp_path / "t").as_uri()) == 0


@pytest.mark.parametrize("kind", ["nothing", "empty folder", "file", "empty log"])
def test_where_there_is_no_table_the_error_says_so_and_makes_nothing(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "t"
    match kind:
        case "empty folder":
            place.mkdir()
        case "file":
            place.write_text("x", encoding="utf-8")
        case "empty log":
            (place / "_delta_log").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SourceError, match=f"there is no Delta table at {place}"):
        latest_version(str(place))
    assert sorted(tmp_path.rglob("*")) == before


def test_commits_come_newest_first_with_the_files_that_they_changed(tmp_path: Path) -> None:
    location = land(tmp_path / "t", {DAY_1: 2})
    land(tmp_path / "t", {DAY_1: 1, DAY_2: 3})
    second, first = commits_backwards(location, 1)
    assert (second.version, first.version) == (1, 0)
    assert [file.partition for file in first.changes] == [{"day": "2013-07-01"}]
    observed = {(file.partition or {})["day"]: (file.stats or {})["numRecords"] for file in second.changes}
    assert observed == {"2013-07-01": 1, "2013-07-02": 3}


def test_commits_end_at_the_oldest_wanted(tmp_path: Path) -> None:
    location = land(tmp_path / "t", {DAY_1: 1})
    for _ in range(3):
        land(tmp_path / "t", {DAY_2: 1})
    assert [commit.version for commit in commits_backwards(location, 3, 2)] == [3, 2]
    assert list(commits_backwards(location, 3, 4)) == []


def test_commits_end_where_the_log_was_cleaned_up(tmp_path: Path) -> None:
    location = land(tmp_path / "t", {DAY_1: 1})
    for _ in range(3):
        land(tmp_path / "t", {DAY_2: 1})
    (tmp_path / "t" / "_delta_log" / f"{1:020d}.json").unlink()
    assert [commit.version for commit in commits_backwards(location, 3)] == [3, 2]


def test_a_compaction_changes_nothing_and_a_delete_does(tmp_path: Path) -> None:
    location = land(tmp_path / "t", {DAY_1: 2})
    land(tmp_path / "t", {DAY_1: 2})
    DeltaTable(location).optimize.compact()
    DeltaTable(location).delete("value = 0")
    deletion, compaction, *_ = commits_backwards(location, 3)
    assert compaction.changes == ()
    assert {(file.partition or {}).get("day") for file in deletion.changes} == {"2013-07-01"}


def test_a_commit_carries_what_its_writer_said(tmp_path: Path) -> None:
    location = str(tmp_path / "t")
    said = CommitProperties(custom_metadata={"userMetadata": "mine"})
    write_deltalake(location, pa.table({"a": [1]}), commit_properties=said)
    (commit,) = commits_backwards(location, 0)
    assert commit.user_metadata == "mine"


def test_a_table_made_anew_at_the_same_place_is_read_anew(tmp_path: Path) -> None:
    location = land(tmp_path / "t", {DAY_1: 1})
    before = next(commits_backwards(location, 0))
    (tmp_path / "t").rename(tmp_path / "old")
    land(tmp_path / "t", {DAY_2: 1})
    after = next(commits_backwards(location, 0))
    assert before.changes[0].partition == {"day": "2013-07-01"}
    assert after.changes[0].partition == {"day": "2013-07-02"}
