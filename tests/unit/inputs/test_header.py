"""The header of CSV files, and the files that a source holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.config import Source, TextFormat
from pipelines.errors import SourceError
from pipelines.inputs.files import list_files
from pipelines.inputs.header import beginnings, csv_columns, partition_columns

CSV = Source(path="s", format="csv")


def columns(folder: Path, source: Source = CSV) -> tuple[str, ...]:
    return csv_columns("s", list_files(str(folder)), source)


def test_the_first_file_that_holds_something_has_the_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "b.csv").write_text('\n"id","a ""b""",zip\n1,2,3\n')
    (tmp_path / ".hidden.csv").write_text("x\n")
    (tmp_path / "_SUCCESS").write_text("y\n")
    assert columns(tmp_path) == ("id", 'a "b"', "zip")
    assert columns(tmp_path / "b.csv") == ("id", 'a "b"', "zip")
    assert [file.path for file in beginnings(list_files(str(tmp_path)), 10)] == ["b.csv"]


def test_a_long_file_is_looked_at_where_it_begins(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,name\n" + "1,x\n" * 100_000)
    assert columns(tmp_path) == ("id", "name")
    (file,) = beginnings(list_files(str(tmp_path)), 100)
    assert (len(file.begins_with), file.is_whole) == (100, False)


def test_a_quote_left_open_far_behind_the_header_does_not_hide_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,name\n1,"x\n' + "1,x\n" * 100_000)
    assert columns(tmp_path) == ("id", "name")


def test_folders_name_columns(tmp_path: Path) -> None:
    folder = tmp_path / "day=2024-03-01" / "zip=02139"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("id\n1\n")
    assert partition_columns(list_files(str(tmp_path))) == ("day", "zip")
    assert partition_columns(list_files(str(folder / "a.csv"))) == ()


@pytest.mark.parametrize(
    ("content", "source", "told"),
    [
        ("", CSV, "has no header: its files are empty"),
        ("id,,\n", CSV, "columns without a name"),
        ("id,ID\n", CSV, "a name twice"),
        (
            "1,2\n",
            CSV.model_copy(update={"text": TextFormat(header=False), "columns": {"id": "int"}}),
            "has no header, and",
        ),
    ],
)
def test_a_header_that_names_no_columns_clearly_is_refused(
    tmp_path: Path, content: str, source: Source, told: str
) -> None:
    (tmp_path / "a.csv").write_text("\n" + content)
    with pytest.raises(SourceError, match=told) as caught:
        columns(tmp_path, source)
    assert caught.value.remedy
