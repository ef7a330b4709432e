"""One place has one spelling for each who reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.tables.locations import below, for_delta_rs, local_path, read_text, write_text


@pytest.mark.parametrize(
    ("root", "name", "expected"),
    [
        ("/wh", "flights", "/wh/flights"),
        ("/wh/", "a/b", "/wh/a/b"),
        ("s3://bucket/wh/", "flights", "s3://bucket/wh/flights"),
        ("/wh", "/other/flights", "/other/flights"),
        ("/wh", "s3://bucket/flights", "s3://bucket/flights"),
    ],
)
def test_a_name_is_below_its_root_unless_it_is_absolute(root: str, name: str, expected: str) -> None:
    assert below(root, name) == expected


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/wh/a", "/wh/a"),
        ("wh/a", "wh/a"),
        ("file:/wh/a", "/wh/a"),
        ("file:///wh/a%20b", "/wh/a b"),
        ("/wh/a b", "/wh/a b"),
        ("/wh/a%20b", "/wh/a%20b"),
        ("/wh/a#b", "/wh/a#b"),
        ("/wh/a?b", "/wh/a?b"),
    ],
)
def test_a_local_place_is_a_folder(location: str, expected: str) -> None:
    assert local_path(location) == Path(expected)


@pytest.mark.parametrize(
    "location", ["s3://bucket/a", "s3a://bucket/a", "abfss://c@a.dfs.core.windows.net/a", "gs://b/a"]
)
def test_a_place_elsewhere_is_no_folder(location: str) -> None:
    assert local_path(location) is None


@pytest.mark.parametrize(
    ("location", "expected"),
    [("file:/wh/a", "/wh/a"), ("/wh/a", "/wh/a"), ("s3a://bucket/s3a", "s3://bucket/s3a"), ("gs://b/a", "gs://b/a")],
)
def test_delta_rs_reads_its_own_spelling(location: str, expected: str) -> None:
    assert for_delta_rs(location) == expected


def test_text_is_written_whole_and_read_back(tmp_path: Path) -> None:
    folder = str(tmp_path / "new" / "folder")
    write_text(folder, "a.json", "ä")
    write_text(folder, "a.json", "ö")
    assert read_text(folder, "a.json") == "ö"
    assert [file.name for file in (tmp_path / "new" / "folder").iterdir()] == ["a.json"]


def test_a_missing_text_is_none(tmp_path: Path) -> None:
    assert read_text(str(tmp_path), "nothing.json") is None
    (tmp_path / "folder").mkdir()
    assert read_text(str(tmp_path), "folder") is None
