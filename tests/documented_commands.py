"""The commands that the documentation shows, and whether the command line takes them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import typer.main
from typer.core import TyperGroup

from jobs.cli import app

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", *(str(page.relative_to(ROOT)) for page in sorted((ROOT / "docs").rglob("*.md"))))


def commands_of(page: str) -> list[list[str]]:
    """The words of each `$ lakescore …` of a page, in its order."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"^\s*\$ (lakescore .*)$", text, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def taken(words: list[str]) -> None:
    """Parse the words of a command as the command line does, down to its verb, and run nothing."""
    command: Any = typer.main.get_command(app)
    context, rest = None, words[1:]
    while True:
        context = command.make_context(command.name or "lakescore", list(rest), parent=context)
        if not isinstance(command, TyperGroup):
            return
        rest = [*context._protected_args, *context.args]
        _, inner, rest = command.resolve_command(context, rest)
        assert inner is not None
        command = inner
