"""How CSV files seem to be written, by how they begin: guesses with what was seen, and what a person should look at."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.config import TextFormat
from pipelines.errors import UnguessedError
from pipelines.inputs.header import Beginning, decoded, records
from pipelines.onboarding.number_signs import NUMBER_LIKE, guess_nulls, guess_signs, number_type

SEPARATORS = (",", ";", "\t", "|")
MOST_RECORDS = 1000
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_MARKS = ((codecs.BOM_UTF8, "UTF-8"), (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))


@dataclass(frozen=True)
class Guess:
    """How a text source seems to be written.

    Args:
        spelling: the options.
        types: SQL types of the columns that hold numbers; all others are text.
        evidence: what was seen, a line an option that is not the usual one.
        unsure: what a person should look at.
    """

    spelling: TextFormat
    types: Mapping[str, str]
    evidence: tuple[str, ...]
    unsure: tuple[str, ...]


def guess_csv(name: str, files: Sequence[Beginning], said: Mapping[str, Any]) -> Guess:
    """The options of CSV files, and which columns hold numbers.

    Args:
        name: the source's.
        files: how some files begin, at least one of them with a text.
        said: options that a person gave, which win.

    Raises:
        UnguessedError: the first line is no header, or numbers can be read in two ways.
        SourceError: a file is not written as is said of it.
    """
    sample = next((file for file in files if file.begins_with.strip()), None)
    if sample is None:
        return Guess(TextFormat(**said), {}, (), ())
    found: dict[str, Any] = {}
    evidence: list[str] = []
    unsure: list[str] = []

    def take(option: str, value: Any, seen: str, look: str = "") -> None:
        if option in said or value == getattr(TextFormat(), option):
            return
        found[option] = value
        evidence.append(seen)
        if look:
            unsure.append(look)

    encoding, look = _encoding(sample)
    take("encoding", encoding, f"encoding {encoding}", look)
    text = decoded(sample, str({**found, **said}.get("encoding", "UTF-8")), name)
    separator, seen = _separator(text)
    take("separator", separator, seen)
    chosen = str({**found, **said}.get("separator", ","))
    take("quote", *_quote(text, chosen))
    take("escape", *_escape(text))
    listed = _first(records(sample, TextFormat(**{**found, **said}), name))
    if not listed:
        return Guess(TextFormat(**{**found, **said}), {}, tuple(evidence), tuple(unsure))
    if "header" not in said:
        _require_header(sample.path, listed)
    header, rows = (listed[0], listed[1:]) if said.get("header", True) else ([], listed)
    columns = _columns(rows, len(listed[0]))
    nulls, seen, look = guess_nulls(columns, header)
    take("nulls", nulls, seen, look)
    signs, seen, look = guess_signs(columns, tuple({**found, **said}.get("nulls", ("",))), said, separator=chosen)
    take("decimal", signs[0], seen)
    take("thousands", signs[1], "" if "decimal" in found else seen)
    unsure += [look] if look else []
    spelling = TextFormat(**{**found, **said})
    types = {
        column: kind for column, values in zip(header, columns, strict=False) if (kind := number_type(values, spelling))
    }
    return Guess(spelling, types, tuple(filter(None, evidence)), tuple(unsure))


def _encoding(file: Beginning) -> tuple[str, str]:
    """The encoding, and what a person should look at."""
    begins = file.begins_with
    for mark, encoding in _MARKS:
        if begins.startswith(mark):
            return encoding, ""
    if b"\0" in begins[:1000]:
        order = "UTF-16LE" if begins[1:2] == b"\0" else "UTF-16BE"
        return order, f"the file looks like {order}, and has no byte order mark"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begins, final=file.is_whole)
    except UnicodeDecodeError:
        guessed = "windows-1252" if _reads(begins, "windows-1252") else "ISO-8859-1"
        letters = sorted({sign for sign in begins.decode(guessed) if sign > "\x7f"})[:10]
        return guessed, f"the file is not UTF-8; read as {guessed} it holds the signs {' '.join(letters)}"
    return "UTF-8", ""


def _reads(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _separator(text: str) -> tuple[str, str]:
    """The sign that cuts most records into as many values as the first one has; and what was seen."""
    best, rank, seen = ",", (False, 0.0, 1), ""
    for sign in SEPARATORS:
        widths = [len(record) for record in _loosely(text, sign)]
        if not widths or widths[0] < 2:  # noqa: PLR2004 - one value is not separated from another
            continue
        alike = widths.count(widths[0])
        of_it = (widths[0] == Counter(widths).most_common(1)[0][0], alike / len(widths), widths[0])
        if of_it > rank:
            shown = {"\t": "tab"}.get(sign, f"'{sign}'")
            best, rank, seen = sign, of_it, f"separator {shown}: {widths[0]} values in {alike} of {len(widths)} records"
    return best, seen


def _loosely(text: str, separator: str) -> list[list[str]]:
    """The records, wrong quotes accepted; the last record may be cut."""
    read = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return _first(record for record in read if record)
    except csv.Error:
        return []


def _first(found: Any) -> list[list[str]]:
    return [record for record, _ in zip(found, range(MOST_RECORDS), strict=False)]


def _quote(text: str, separator: str) -> tuple[str, str]:
    sign = re.escape(separator)
    single = re.findall(rf"(?:^|{sign})'[^'\n]*'(?={sign}|$)", text, re.MULTILINE)
    if '"' in text or len(single) < max(2, text.count("\n") // 2):
        return '"', ""
    return "'", f"quote ': around {len(single)} values"


def _escape(text: str) -> tuple[str, str]:
    escaped = text.count('\\"')
    if not escaped or re.search(r'[^,;|\t\n]""|""[^,;|\t\r\n]', text):
        return '"', ""
    return "\\", f"escape \\: before {escaped} quotes"


def _require_header(path: str, listed: Sequence[Sequence[str]]) -> None:
    """Refuse a first record that is like all others: numbers where those have numbers."""
    first, rows = listed[0], listed[1:]
    if _names_years(first):
        return
    kinds = [
        [bool(NUMBER_LIKE.fullmatch(row[place].strip())) for row in rows if place < len(row) and row[place].strip()]
        for place in range(len(first))
    ]
    of_first = [bool(NUMBER_LIKE.fullmatch(value.strip())) for value in first]
    usual = [sum(of_column) * 2 > len(of_column) for of_column in kinds]
    if any(of_first) and (of_first == usual or not rows):
        raise UnguessedError(
            f"the first line of {path} looks like data, not like a header",
            expected="the names of the columns in the first line",
            found=f"numbers for column {', '.join(str(place) for place, is_one in enumerate(of_first, 1) if is_one)}",
            remedy="write a header; or say --text header=false and name all columns in their order, each by --column "
            "NAME=TYPE; or --text header=true, if it is one",
        )


def _names_years(record: Sequence[str]) -> bool:
    """Whether the numbers of a record are years that follow each other, as in the header of a table by years.

    >>> _names_years(["id", "2023", "2024"]), _names_years(["a", "2023"]), _names_years(["a", "2023", "7"])
    (True, False, False)
    """
    numbers = [value.strip() for value in record if NUMBER_LIKE.fullmatch(value.strip())]
    if len(numbers) < 2 or not all(map(_YEAR.fullmatch, numbers)):  # noqa: PLR2004 - one year may be a value
        return False
    return [int(year) - int(numbers[0]) for year in numbers] == list(range(len(numbers)))


def _columns(rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    return [[row[place].strip() for row in rows if len(row) == width] for place in range(width)]
