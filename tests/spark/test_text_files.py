"""Text files of the wild, read as they are guessed to be written: right, or refused; none silently wrong."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support.wild_csv import FILES, UNREADABLE, Wild

from pipelines.config import Source
from pipelines.errors import PipelineError, SourceError
from pipelines.expressions.rules import RECORD, UNREAD
from pipelines.inputs.files import list_files
from pipelines.inputs.header import beginnings
from pipelines.inputs.refusals import refused_by
from pipelines.inputs.text_files import read_text
from pipelines.onboarding.guessing import guess_csv

pytestmark = pytest.mark.spark


def source_of(place: Path, wild: Wild) -> tuple[Source, tuple[str, ...]]:
    """The source as `init` would configure it, keys as text; and what a person is told to look at."""
    guess = guess_csv("s", list(beginnings(list_files(str(place)), 1 << 16)), wild.said)
    types = {name: kind for name, kind in guess.types.items() if name != "id"}
    source = Source(path=str(place), format="csv", text=guess.spelling, columns={**types, **wild.types})
    return source, guess.unsure


def rows_of(spark: SparkSession, place: Path, source: Source) -> list[Any]:
    """The rows, with a mark in place of those that are refused; dates as texts."""
    rows = read_text(spark, "s", str(place), source).collect()
    found: list[Any] = []
    for row in rows:
        unread = row[f"{UNREAD}s"].asDict()
        values = [str(value) if hasattr(value, "isoformat") else value for value in row[:-1]]
        found.append(UNREADABLE if any(text is not None for text in unread.values()) else tuple(values))
    return found


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_wild_is_read_right_or_refused(spark: SparkSession, tmp_path: Path, name: str) -> None:
    wild, place = FILES[name], tmp_path / "s.csv"
    place.write_bytes(wild.as_bytes)
    if wild.refused:
        with pytest.raises(PipelineError, match=wild.refused) as caught:
            rows_of(spark, place, source_of(place, wild)[0])
        assert "to do: " in str(caught.value)
        return
    source, unsure = source_of(place, wild)
    assert rows_of(spark, place, source) == list(wild.rows)
    assert wild.unsure in " ".join(unsure)


def written(tmp_path: Path, **files: bytes | str) -> Path:
    folder = tmp_path / "s"
    folder.mkdir()
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def test_a_quote_within_quotes_ends_the_run_wherever_it_stands(spark: SparkSession, tmp_path: Path) -> None:
    folder = written(tmp_path, a_csv="id,value\na1,1\n", b_csv='id,value\na2,"5" x"\n')
    with pytest.raises(Exception, match="TextParsing") as caught:
        read_text(spark, "s", str(folder), Source(path="s", format="csv")).collect()
    told = str(refused_by(caught.value))
    assert "goes on behind its closing quote" in told
    assert "b.csv" in told
    assert "5" not in told.replace("b.csv", "").replace(str(folder), "")


def test_a_quote_that_swallows_the_records_behind_it_is_a_refused_record(spark: SparkSession, tmp_path: Path) -> None:
    rows = "".join(f"a{number},{number},x\n" for number in range(20_000))
    folder = written(tmp_path, a_csv="id,value,name\n" + rows + 'b1,1,"x\nb2,2,y\nb3,3,z\n')
    source = Source(path="s", format="csv", columns={"value": "int"})
    unread = read_text(spark, "s", str(folder), source).where(f"{UNREAD}s.{RECORD} IS NOT NULL").collect()
    assert [row["id"] for row in unread] == ["b1"]
    assert unread[0][f"{UNREAD}s"][RECORD] == "with a quote that is not closed, and lines like records behind it"


def test_bytes_that_are_no_text_make_a_refused_record(spark: SparkSession, tmp_path: Path) -> None:
    rows = "".join(f"a{number},x\n" for number in range(20_000)).encode()
    folder = written(tmp_path, a_csv=b"id,name\n" + rows + "b1,Zürich\n".encode("cp1252"))
    found = read_text(spark, "s", str(folder), Source(path="s", format="csv"))
    unread = found.where(f"{UNREAD}s.{RECORD} IS NOT NULL").collect()
    assert [(row["id"], row[f"{UNREAD}s"][RECORD]) for row in unread] == [
        ("b1", "with bytes that are no text in UTF-8")
    ]


@pytest.mark.parametrize("header", ["id,name", "name,id", "id,name,other", "id"])
def test_files_of_another_header_end_the_run(spark: SparkSession, tmp_path: Path, header: str) -> None:
    folder = written(tmp_path, a_csv="id,name\na1,x\n", b_csv=header + "\na2,y\n")
    frame = read_text(spark, "s", str(folder), Source(path="s", format="csv"))
    if header == "id,name":
        assert frame.count() == 2
        return
    with pytest.raises(Exception, match="CSV header") as caught:
        frame.select("name").collect()
    refused = refused_by(caught.value)
    assert isinstance(refused, SourceError)
    assert "b.csv has another header than the first file" in str(refused)


def test_counts_are_those_of_the_rows_whatever_is_read(spark: SparkSession, tmp_path: Path) -> None:
    folder = written(tmp_path, a_csv=FILES["ragged records"].content)
    frame = read_text(spark, "s", str(folder), Source(path="s", format="csv", columns={"value": "double"}))
    assert frame.count() == frame.select("id").toArrow().num_rows == frame.toArrow().num_rows == 4


def test_packed_files_hidden_files_and_columns_of_folders(spark: SparkSession, tmp_path: Path) -> None:
    for zip_code, name in (("02139", "a"), ("10001", "b")):
        folder = tmp_path / "s" / f"zip={zip_code}"
        folder.mkdir(parents=True)
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(f"id,value\n00{name},1\n".encode()))
    (tmp_path / "s" / "_SUCCESS").write_text("")
    (tmp_path / "s" / ".hidden.csv").write_text("other\n")
    source = Source(path="s", format="csv", columns={"value": "double"})
    rows = read_text(spark, "s", str(tmp_path / "s"), source).orderBy("zip").collect()
    assert [tuple(row[:3]) for row in rows] == [("00a", 1.0, "02139"), ("00b", 1.0, "10001")]


def test_json_lines_are_texts_and_types_as_declared(spark: SparkSession, tmp_path: Path) -> None:
    lines = (
        '{"id": "007", "zip": "02139", "value": 1.50, "large": 12345678901234567890.1230, "n": 12345678901234567, '
        '"flag": true, "more": {"a": 1.0}}',
        '{"id": 8, "zip": 2139, "value": "x", "n": 5.9, "flag": null}',
        "",
        "no JSON",
        '{"id": "9"}',
    )
    folder = written(tmp_path, a_jsonl="\n".join(lines))
    kinds = {
        "id": "string",
        "zip": "string",
        "value": "double",
        "n": "bigint",
        "flag": "boolean",
        "more": "string",
        "large": "string",
    }
    rows = read_text(spark, "s", str(folder), Source(path="s", format="jsonl", columns=kinds)).collect()
    assert [tuple(row[:7]) for row in rows] == [
        ("007", "02139", 1.5, 12345678901234567, True, '{"a": 1.0}', "12345678901234567890.1230"),
        ("8", "2139", None, None, None, None, None),
        (None,) * 7,
        ("9", *(None,) * 6),
    ]
    assert [row[f"{UNREAD}s"].asDict() for row in rows[1:3]] == [
        {RECORD: None, "value": "x", "n": "5.9", "flag": None},
        {RECORD: "no JSON object", "value": None, "n": None, "flag": None},
    ]


def test_timestamps_and_decimals_are_read_to_the_letter(spark: SparkSession, tmp_path: Path) -> None:
    texts = ("2024-03-01 12:30:00", "2024-03-01T12:30:00Z", "2024-03-01", "2024-03", "12:30", "2024-02-30 00:00")
    folder = written(tmp_path, a_csv="id,at,price\n" + "".join(f"{n},{at},1.23{n}\n" for n, at in enumerate(texts)))
    source = Source(path="s", format="csv", columns={"at": "timestamp", "price": "decimal(6,2)"})
    rows = read_text(spark, "s", str(folder), source).orderBy("id").collect()
    unread = [row[f"{UNREAD}s"] for row in rows]
    assert [item["at"] for item in unread] == [None, None, None, *texts[3:]]
    assert [item["price"] for item in unread] == [None, *[f"1.23{n}" for n in range(1, 6)]]
