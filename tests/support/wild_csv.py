"""Small CSV files as they are found in the wild, each with what must become of it: right values, or a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Row = tuple[Any, ...]
UNREADABLE = "unreadable"
"""In place of a row: it is refused, as a record or for a value of it."""


@dataclass(frozen=True)
class Wild:
    """One file.

    Args:
        content: its bytes; a text is written as UTF-8.
        rows: of the columns `id` and `value`, and any others; empty where the file is refused.
        refused: words of the sentence that refuses the file.
        types: what the contract says of columns, beside what is guessed.
        said: options that a person has to give.
        unsure: words of what a person is told to look at.
    """

    content: bytes | str
    rows: tuple[Row | str, ...] = ()
    refused: str = ""
    types: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, Any] = field(default_factory=dict)
    unsure: str = ""

    @property
    def as_bytes(self) -> bytes:
        return self.content.encode() if isinstance(self.content, str) else self.content


PLAIN = "id,name,value\na1,x,1.5\na2,y,2\n"
TWO = (("a1", "x", 1.5), ("a2", "y", 2.0))
FILES: dict[str, Wild] = {
    "plain": Wild(PLAIN, TWO),
    "no line break at the end": Wild(PLAIN.rstrip(), TWO),
    "line breaks of Windows": Wild(PLAIN.replace("\n", "\r\n"), TWO),
    "line breaks of old Macs": Wild(PLAIN.replace("\n", "\r"), TWO),
    "empty lines": Wild("\n" + PLAIN.replace("\na2", "\n\n\na2") + "\n\n", TWO),
    "byte order mark": Wild(b"\xef\xbb\xbf" + PLAIN.encode(), TWO),
    "byte order mark before a quote": Wild(b"\xef\xbb\xbf" + PLAIN.replace("id", '"id"', 1).encode(), TWO),
    "UTF-16 with a byte order mark": Wild(PLAIN.replace("x", "ü").encode("utf-16"), (("a1", "ü", 1.5), TWO[1])),
    "UTF-16 without one": Wild(PLAIN.encode("utf-16-le"), TWO, unsure="UTF-16LE"),
    "windows-1252": Wild(PLAIN.replace("x", "€ü").encode("cp1252"), (("a1", "€ü", 1.5), TWO[1]), unsure="windows-1252"),
    "windows-1252 said to be UTF-8": Wild(
        PLAIN.replace("x", "ü").encode("cp1252"), said={"encoding": "UTF-8"}, refused="is not written in UTF-8"
    ),
    "semicolons and decimal commas": Wild("id;name;value\na1;x;12,50\na2;y;1\n", (("a1", "x", 12.5), ("a2", "y", 1.0))),
    "decimal commas and thousands": Wild(
        "id;name;value\na1;x;1.234,5\na2;y;12.345.678\na3;z;-7\n",
        (("a1", "x", 1234.5), ("a2", "y", 12345678.0), ("a3", "z", -7.0)),
    ),
    "thousands by commas": Wild(
        'id,name,value\na1,x,"1,234.50"\na2,y,7\n', (("a1", "x", 1234.5), ("a2", "y", 7.0)), types={"value": "double"}
    ),
    "thousands by narrow spaces": Wild(
        "id;name;value\na1;x;1\u202f234,5\na2;y;7\n", (("a1", "x", 1234.5), ("a2", "y", 7.0))
    ),
    "thousands or decimals, who knows": Wild(
        'id,name,value\na1,x,"1,234"\na2,y,"5,678"\n', refused="can be read in two ways"
    ),
    "points that may be of thousands": Wild(
        "id;name;value\na1;x;1.234\na2;y;5.678\n", refused="can be read in two ways"
    ),
    "thousands, as said": Wild(
        "id;name;value\na1;x;1.234\na2;y;5.678\n",
        (("a1", "x", 1234.0), ("a2", "y", 5678.0)),
        said={"decimal": ",", "thousands": "."},
        types={"value": "double"},
    ),
    "tabs": Wild(PLAIN.replace(",", "\t"), TWO),
    "bars and single quotes": Wild(
        "id|name|value\n'a1'|'x|y'|'1.5'\n'a2'|'y'|'2'\n", (("a1", "x|y", 1.5), ("a2", "y", 2.0))
    ),
    "quoted line breaks": Wild('id,name,value\na1,"x\nof two",1.5\na2,y,2\n', (("a1", "x\nof two", 1.5), TWO[1])),
    "quoted line breaks in the last column": Wild(
        'id,value,name\na1,1.5,"x\nof two, or so"\na2,2,y\n', (("a1", 1.5, "x\nof two, or so"), ("a2", 2.0, "y"))
    ),
    "quotes doubled": Wild('id,name,value\na1,"say ""x"", y",1.5\na2,y,2\n', (("a1", 'say "x", y', 1.5), TWO[1])),
    "quotes escaped": Wild('id,name,value\na1,"say \\"x\\", y",1.5\na2,y,2\n', (("a1", 'say "x", y', 1.5), TWO[1])),
    "quotes that mean inches": Wild('id,name,value\na1,5" x,1.5\na2,y,2\n', (("a1", '5" x', 1.5), TWO[1])),
    "a quote within quotes": Wild('id,name,value\na1,"5" x",1.5\na2,y,2\n', refused="is no CSV"),
    "a quote that is not closed": Wild('id,value,name\na1,1.5,"x\na2,2,y\na3,3,z\n', refused="is no CSV"),
    "ragged records": Wild(
        "id,name,value\na1,x\na2,y,2\na3,z,3,4\ngarbage\n", (UNREADABLE, ("a2", "y", 2.0), UNREADABLE, UNREADABLE)
    ),
    "a header with a name twice": Wild("id,value,Value\na1,1,2\n", refused="a name twice"),
    "a header with an empty name": Wild(",id,value\n0,a1,1\n", refused="columns without a name"),
    "no header": Wild("a1,x,1.5\na2,y,2\n", refused="looks like data"),
    "no header, as said": Wild(
        "a1,x,1.5\na2,y,2\n", TWO, said={"header": False}, types={"id": "string", "name": "string", "value": "double"}
    ),
    "a header alone": Wild("id,name,value\n"),
    "nothing": Wild("", refused="no header"),
    "codes that look like numbers": Wild(
        "id,zip,code,month,flag\n00007,02139,12D,2024-03,TRUE\n00008,10001,1e3x,2024-04,F\n",
        (("00007", "02139", "12D", "2024-03", "TRUE"), ("00008", "10001", "1e3x", "2024-04", "F")),
    ),
    "missing values among numbers": Wild(
        "id,name,value\na1,x,NA\na2,y,2\na3,z,\n", (("a1", "x", None), ("a2", "y", 2.0), ("a3", "z", None))
    ),
    "a number with a unit": Wild(
        "id,name,value\na1,x,3.5%\na2,y,2\n", (UNREADABLE, ("a2", "y", 2.0)), types={"value": "double"}
    ),
    "a number with a D": Wild("id,value\na1,12D\na2,2\n", (UNREADABLE, ("a2", 2.0)), types={"value": "double"}),
    "a number too large": Wild("id,value\na1,1e400\na2,2\n", (UNREADABLE, ("a2", 2.0)), types={"value": "double"}),
    "a fraction in whole numbers": Wild(
        "id,value\na1,5.9\na2,5.0\na3,99999999999\n", (UNREADABLE, ("a2", 5), UNREADABLE), types={"value": "int"}
    ),
    "dates by days": Wild(
        "id;day;value\na1;31.12.2024;1,5\na2;30.02.2024;2\n",
        (("a1", "2024-12-31", 1.5), UNREADABLE),
        types={"day": "date"},
        said={"date_format": "dd.MM.yyyy"},
    ),
    "a month for a date": Wild(
        "id,day\na1,2024-03\na2,2024-03-01\n", (UNREADABLE, ("a2", "2024-03-01")), types={"day": "date"}
    ),
}
