"""The commands that the documentation shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", *(str(page.relative_to(ROOT)) for page in sorted((ROOT / "docs").rglob("*.md"))))


def commands_of(page: str) -> list[list[str]]:
    """The words of each `$ lakescore …` of a page, in its order."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"^\s*\$ (lakescore .*)$", text, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]
