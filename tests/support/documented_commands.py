"""The commands that the documentation shows: read from its pages, parsed as the command line does, and compared."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer.main
from typer.core import TyperGroup

from jobs.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *(str(page.relative_to(ROOT)) for page in sorted((ROOT / "docs").rglob("*.md"))))
RUN_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")
CUT = "…"
"""A line that stands for any number of lines."""
_VARYING = {
    RUN_ID: "RUN",
    re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?"): "TIME",
    re.compile(r"\b[0-9a-f]{12,64}\b"): "DIGEST",
    re.compile(r"(resolve|read|score|audit|quarantine|publish|record) \d+\.\d\d\b"): r"\1 SECONDS",
    re.compile(r"(\d+ h )?(\d+ min )?\b\d+(\.\d+)? s\b"): "SECONDS",
    re.compile(r"(?<=^seconds  )\d+\.\d\b"): "SECONDS",
    re.compile(r"\b\d+ GiB\b"): "ROOM",
    re.compile(r"\s+"): " ",
}
"""What differs each time a command runs: ids, times, digests, seconds, free room, the width of columns."""
_BEGINS_WITH_A_DATE = re.compile(r"\d{4}-\d\d-\d\d ")
_SECONDS_OF_A_SLICE = re.compile(r"(?<= )\d+\.\d(?= |$)")
"""In a plan's and a backfill's rows."""


@dataclass(frozen=True)
class Shown:
    """A command of a page, and what the page shows of its answer.

    Args:
        page: the page's path in the project.
        lines: where it stands: its first line, and the one after the last of its answer, counted from 0.
        command: as it is typed, on one line.
        answer: the lines below it; none where the page shows none.
    """

    page: str
    lines: tuple[int, int]
    command: str
    answer: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """The words of the command, without its comment."""
        return shlex.split(self.command, comments=True)


def shown_on(page: str) -> list[Shown]:
    """Every `$ …` of a page's console blocks, in its order."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    found, place, inside = [], 0, False
    while place < len(lines):
        if lines[place].startswith("```"):
            inside = lines[place] == "```console"
        elif inside and lines[place].startswith("$ "):
            end = next(n for n in range(place + 1, len(lines)) if lines[n].startswith(("$ ", "```")))
            typed = place + 1
            while lines[typed - 1].endswith("\\"):
                typed += 1
            command = " ".join(line.removesuffix("\\").strip() for line in lines[place:typed]).removeprefix("$ ")
            found.append(Shown(page, (typed, end), command, tuple(lines[typed:end])))
            place = end
            continue
        place += 1
    return found


def steady(line: str) -> str:
    """A line of an answer without what differs from run to run."""
    line = line.strip()
    for varying, name in _VARYING.items():
        line = varying.sub(name, line)
    return _SECONDS_OF_A_SLICE.sub("SECONDS", line) if _BEGINS_WITH_A_DATE.match(line) else line


def matched(shown: Sequence[str], told: Sequence[str]) -> tuple[list[tuple[str, str]], str]:
    """The lines that a page shows beside those that a command told, and how they differ; empty where they do not.

    Args:
        shown: the page's lines; `…` stands for any number of lines.
        told: the command's.
    """
    expected = [line for line in shown if line.strip()]
    observed = [line for line in told if line.strip()]
    pairs: list[tuple[str, str]] = []
    place = 0
    for number, line in enumerate(expected):
        wanted = steady(line)
        if wanted == CUT:
            following = [steady(after) for after in expected[number + 1 : number + 2]]
            while place < len(observed) and [steady(observed[place])] != following:
                place += 1
        elif place < len(observed) and steady(observed[place]) == wanted:
            pairs.append((line, observed[place]))
            place += 1
        else:
            found = steady(observed[place]) if place < len(observed) else "nothing more"
            return pairs, f"shown: {wanted}\ntold:  {found}"
    if place < len(observed):
        return pairs, f"shown: nothing more\ntold:  {observed[place]}"
    return pairs, ""


def shortened(told: Sequence[str], shown: Sequence[str]) -> list[str]:
    """What a page is to show of an answer: cut where it cut it before."""
    if CUT not in shown:
        return list(told)
    before = shown.index(CUT)
    after = len(shown) - before - 1
    return [*told[:before], CUT, *told[len(told) - after :]]


def verbs_of(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every verb, groups opened."""
    for name, inner in command.commands.items():
        if isinstance(inner, TyperGroup):
            yield from verbs_of(inner, (*words, name))
        else:
            yield (*words, name)


def found_verb(words: Sequence[str]) -> tuple[Any, Any]:
    """A verb's command and context by its words."""
    command: Any = typer.main.get_command(app)
    context = typer.Context(command, info_name="lakescore")
    for word in words:
        command = command.commands[word]
        context = typer.Context(command, info_name=word, parent=context)
    return command, context


def taken(words: Sequence[str]) -> None:
    """Parse the words of a command as the command line does, down to its verb, and run nothing."""
    command: Any = typer.main.get_command(app)
    context, rest = None, list(words[1:])
    while True:
        context = command.make_context(command.name or "lakescore", list(rest), parent=context)
        if not isinstance(command, TyperGroup):
            return
        rest = [*context._protected_args, *context.args]
        _, inner, rest = command.resolve_command(context, rest)
        assert inner is not None
        command = inner
