"""The header of a source of CSV files: read from the first of them, and refused where it names no columns clearly."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.config import Source, TextFormat
from pipelines.errors import SourceError
from pipelines.inputs.files import Listed
from pipelines.tables.locations import storage

LONGEST = 1 << 16
"""The most bytes that are looked at for a header."""
_NO_NAME = "give each column a name of its own in the file; pandas writes no index with index=False"


@dataclass(frozen=True)
class Beginning:
    """How a data file begins.

    Args:
        path: below the source's folder.
        begins_with: its first bytes, unpacked.
        is_whole: whether these are all of it.
    """

    path: str
    begins_with: bytes
    is_whole: bool


def csv_columns(name: str, listed: Listed, source: Source) -> tuple[str, ...]:
    """The names of the columns of CSV files, in their order.

    Args:
        name: the source's.
        listed: the files, of one header.
        source: what the configuration says of it.

    Raises:
        SourceError: the files have no header, or it has columns without a name or with that of another.
    """
    spelling = source.text
    first = next((file for file in beginnings(listed, LONGEST) if file.begins_with.strip()), None)
    if first is None:
        return tuple(source.columns) if not spelling.header else _refuse_empty(name, listed.location)
    record = next(iter(records(first, spelling, name)), None)
    if record is None:
        return _refuse_empty(name, listed.location)
    if not spelling.header:
        return _without_header(name, first.path, record, source)
    return _named(name, first.path, record)


def partition_columns(listed: Listed) -> tuple[str, ...]:
    """The columns that folders such as `day=2024-03-01` name, as Spark reads them from the paths of files."""
    return next((tuple(file.partition) for file in listed.files if file.size), ())


def beginnings(listed: Listed, most: int) -> Iterator[Beginning]:
    """How the files of a source begin, in the order of their paths, without those that are empty.

    Args:
        listed: the files.
        most: how many bytes to take of each.
    """
    files = storage(listed.root)
    for file in listed.files:
        if file.size:
            with files.open_input_stream(file.path) as stream:  # unpacked by the ending of its name
                taken = bytes(stream.read(most + 1))
            yield Beginning(file.path, taken[:most], is_whole=len(taken) <= most)


def records(file: Beginning, spelling: TextFormat, name: str) -> Iterator[list[str]]:
    """The records at the beginning of a CSV file; the last one only where the file ends with it. Empty lines are none.

    Raises:
        SourceError: it is not written in the encoding, or not with such quotes.
    """
    text = decoded(file, spelling.encoding, name)
    dialect = {
        "delimiter": spelling.separator,
        "quotechar": spelling.quote or None,
        "quoting": csv.QUOTE_MINIMAL if spelling.quote else csv.QUOTE_NONE,
        "doublequote": spelling.escape == spelling.quote,
        "escapechar": None if spelling.escape == spelling.quote or not spelling.quote else spelling.escape,
    }
    read = csv.reader(io.StringIO(text, newline=""), strict=True, **dialect)  # type: ignore[arg-type]
    last: list[str] | None = None
    try:
        for record in read:
            if record and last is not None:
                yield last
            last = record or last
    except csv.Error as error:
        if last is not None:
            yield last
        if last is None or file.is_whole:
            raise SourceError(
                f"source '{name}': {file.path} is no CSV as the configuration has it",
                expected=f"the separator '{spelling.separator}', and {spelling.quote or 'no sign'} around values",
                found=f"line {read.line_num}: {error}",
                remedy="say how it is written under the source's 'text' (separator, quote, escape), or mend the file",
            ) from error
        return
    if last is not None and file.is_whole:
        yield last


def decoded(file: Beginning, encoding: str, name: str) -> str:
    """The beginning of a file as text, without a byte order mark.

    Raises:
        SourceError: it is not written in the encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    try:
        return decoder.decode(file.begins_with, final=file.is_whole).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"source '{name}': {file.path} is not written in {encoding}",
            expected=f"text in {encoding}",
            found=f"the bytes {error.object[error.start : error.end].hex(' ')} at {error.start}",
            remedy="name the encoding under the source: text: {encoding: windows-1252}",
        ) from error


def _refuse_empty(name: str, location: str) -> tuple[str, ...]:
    raise SourceError(
        f"source '{name}' has no header: its files are empty",
        expected=f"CSV files at {location}, each with the names of its columns in the first line",
        remedy="write the header; for files without one, say text: {header: false}, and name their 'columns'",
    )


def _without_header(name: str, path: str, record: Sequence[str], source: Source) -> tuple[str, ...]:
    named = tuple(source.columns)
    if len(named) != len(record):
        raise SourceError(
            f"source '{name}': {path} has no header, and 'columns' does not name its columns",
            expected=f"{len(record)} names under 'columns', in the order of the file",
            found=f"{len(named)}: {', '.join(named)}",
            remedy="name all columns; or say text: {header: true} where the files have a header",
        )
    return named


def _named(name: str, path: str, header: Sequence[str]) -> tuple[str, ...]:
    if not all(column.strip() for column in header):
        places = [str(place) for place, column in enumerate(header, 1) if not column.strip()]
        raise SourceError(
            f"source '{name}': the header of {path} has columns without a name",
            expected=f"{len(header)} names",
            found=f"none for column {', '.join(places)}",
            remedy=_NO_NAME,
        )
    times = Counter(column.lower() for column in header)
    twice = [column for column in header if times[column.lower()] > 1]
    if twice:
        raise SourceError(
            f"source '{name}': the header of {path} has a name twice",
            expected="each name once, whatever its case",
            found=", ".join(twice),
            remedy=_NO_NAME,
        )
    return tuple(header)
