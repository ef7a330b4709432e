"""How results look: tables and a spinner on a terminal, plain lines when piped."""

from __future__ import annotations

import copy
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    pass

PIPED_WIDTH = 10_000
"""Characters of a line that is piped: nothing wraps, whoever reads it looks line by line."""


GAP = 2
"""Characters between two columns."""
NARROWEST = 12
"""Characters below which a column of texts that wrap is not read any more."""


class _Console(Console):
    """One that shows texts as they are, and ends well once whoever reads it has seen enough, as with `| head`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, emoji=False, **options)

    def on_broken_pipe(self) -> None:
        os._exit(0)


_OUT = _Console()
_LINES = _Console(width=PIPED_WIDTH, file=io.StringIO(), force_terminal=False)
ERRORS = _Console(stderr=True)
"""The error stream; one console, so that lines and a live bar do not overwrite each other."""


def say(text: str) -> None:
    """One line, as it is."""
    _OUT.print(escape(text), soft_wrap=True)


def say_styled(markup: str) -> None:
    """One line of Rich's markup: escape texts."""
    _OUT.print(markup, soft_wrap=True)


def show(table: Table) -> None:
    """A table; lines without rules when piped, and on a terminal that is too narrow for it."""
    if _OUT.is_terminal and _needs(table) <= _OUT.width:
        _OUT.print(table)
        return
    plain = copy.copy(table)
    plain.box, plain.padding = None, (0, GAP, 0, 0)
    with _LINES.capture() as lines:
        _LINES.print(plain)
    for line in lines.get().splitlines():
        say(line.rstrip())


def _needs(table: Table) -> int:
    """The characters that a table takes with all that may not wrap whole."""

    def width(column: Column) -> int:
        widest = max(Text.from_markup(str(cell)).cell_len for cell in [column.header, *column.cells])
        return widest if column.no_wrap or column.justify == "right" else min(widest, NARROWEST)

    return sum(width(column) + GAP for column in table.columns)


def show_error(text: str) -> None:
    """An error, on the error stream."""
    ERRORS.print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True)


@contextmanager
def working(what: str) -> Iterator[None]:
    """A spinner on a terminal while something takes its time; nothing elsewhere.

    It is on the error stream, and so is all that is printed meanwhile: only `note`; answers come after it.
    """
    if ERRORS.is_terminal:
        with ERRORS.status(f"{escape(what)} …"):
            yield
    else:
        yield


def note(text: str, *, quiet: bool = False) -> None:
    """One line on the error stream, of what is being done."""
    if not quiet:
        ERRORS.print(escape(text), soft_wrap=True)


def show_question(question: str) -> None:
    """A question on the error stream, with the cursor behind it."""
    ERRORS.print(f"{escape(question)}: ", end="", soft_wrap=True)


def new_table(texts: Sequence[str], numbers: Sequence[str], more: Sequence[str] = ()) -> Table:
    """A table with columns of texts, of numbers, and of texts that may wrap. Cells are Rich's markup: escape texts."""
    table = Table(box=SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False)  # the box itself leaves one
    for name in texts:
        table.add_column(name, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right")
    for name in more:
        table.add_column(name)
    return table
