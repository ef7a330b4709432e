"""How a text format spells its values: separators, signs, encodings, nulls and dates."""

from __future__ import annotations

import codecs
import re
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator, model_validator

from pipelines.config.typed import Typed

OneSign = Annotated[str, StringConstraints(min_length=1, max_length=1)]
NoneOrOneSign = Annotated[str, StringConstraints(max_length=1)]
OF_CSV = frozenset({"separator", "quote", "escape", "header", "line_breaks", "encoding"})
"""The options that JSON lines, which are UTF-8 and have names in each line, have no use for."""


class TextFormat(Typed):
    """How a text format, CSV or JSON lines, spells its values."""

    separator: OneSign = ","
    """CSV: the sign between two values."""
    quote: NoneOrOneSign = '"'
    """CSV: the sign around values that hold separators or line breaks; empty where there is none."""
    escape: OneSign = '"'
    r"""CSV: the sign before a quote within a quoted value: the quote itself, or a backslash (`\`)."""
    header: bool = True
    """CSV: whether each file begins with the columns' names. Without, `columns` names all of them in their order."""
    line_breaks: bool = True
    """CSV: whether quoted values may hold line breaks. Without, large files are read by several tasks at once."""
    encoding: str = "UTF-8"
    """CSV: the encoding, such as `UTF-8`, `windows-1252`, `UTF-16`. A byte order mark is left out. JSON is UTF-8."""
    decimal: OneSign = "."
    """The decimal sign of numbers."""
    thousands: NoneOrOneSign = ""
    """The sign between groups of three digits; empty where there is none. Numbers without it are read too."""
    nulls: tuple[str, ...] = ("",)
    """The texts that stand for a missing value, in every column. An empty value always does."""
    date_format: Annotated[str, Field(min_length=1)] = "yyyy-MM-dd"
    """How dates are written, by Spark's patterns: `dd.MM.yyyy`."""
    timestamp_format: str | None = None
    """How timestamps are written; by default `2024-03-01 12:30:00`, with a `T`, fractions or a time zone if need be."""

    @field_validator("encoding")
    @classmethod
    def known_encoding(cls, value: str) -> str:
        try:
            "a".encode(value)
        except LookupError as error:
            raise ValueError("no encoding of that name is known") from error
        return value

    @model_validator(mode="after")
    def distinct_signs(self) -> TextFormat:
        if self.separator == self.quote:
            raise ValueError("'separator' and 'quote' are the same sign")
        if self.decimal == self.thousands:
            raise ValueError("'decimal' and 'thousands' are the same sign")
        if self.decimal.isalnum() or self.thousands.isalnum():
            raise ValueError("'decimal' and 'thousands' are no letters or digits")
        if not self.line_breaks and self.java_encoding.startswith(("utf-16", "utf-32")):
            raise ValueError(f"files in {self.encoding} are read whole: leave out 'line_breaks'")
        return self

    @property
    def java_encoding(self) -> str:
        """The encoding by a name that Java knows too."""
        name = codecs.lookup(self.encoding).name
        return "utf-8" if name == "utf-8-sig" else re.sub(r"^(utf-(?:16|32))-", r"\1", name)
