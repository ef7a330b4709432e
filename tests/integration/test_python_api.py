"""The notebook and the page on Python do what they show, over the demo's tables."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.documented_commands import ROOT, matched
from support.flights_demo import Demo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
NOTEBOOK = ROOT / "examples/flights/predictions_to_why.ipynb"
PAGE = ROOT / "docs/python.md"
WRITE = "LAKESCORE_WRITE_DOCS"
"""A variable: with it, the notebook is written again with the outputs of today."""


def cells_of_page() -> Iterator[tuple[str, str]]:
    """Each block of Python on the page, with the text that the page shows below it."""
    blocks = re.findall(r"```(python|text)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for place, (kind, text) in enumerate(blocks):
        if kind == "python":
            following = blocks[place + 1] if place + 1 < len(blocks) else ("", "")
            yield text, following[1] if following[0] == "text" else ""


def told_by(cells: list[str], demo: Demo, folder: Path) -> list[str]:
    """What cells print that are run in the demo's folder, over a copy of its warehouse."""
    shutil.copytree(demo.week, folder / "warehouse")
    shutil.copytree(ROOT / "conf", folder / "conf")
    settings = {**demo.settings, "LAKESCORE_WAREHOUSE": str(folder / "warehouse")}
    program = [sys.executable, str(ROOT / "tests/support/python_cells.py")]
    done = subprocess.run(
        program,
        input=json.dumps(cells),
        cwd=folder,
        env=settings,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    told: list[str] = json.loads(done.stdout)
    return told


def test_the_notebook_shows_what_its_cells_print(demo: Demo, tmp_path: Path) -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    told = told_by(["".join(cell["source"]) for cell in cells], demo, tmp_path)
    if WRITE in os.environ:
        for cell, text in zip(cells, told, strict=True):
            stream = {"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)}
            cell["outputs"] = [stream] if text else []
        NOTEBOOK.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    shown = ["".join(line for output in cell["outputs"] for line in output["text"]) for cell in cells]
    assert sum(bool(text) for text in shown) == 5
    for text, observed in zip(shown, told, strict=True):
        assert matched(text.splitlines(), observed.splitlines())[1] == ""


def test_the_page_shows_what_its_blocks_print(demo: Demo, tmp_path: Path) -> None:
    blocks = list(cells_of_page())
    told = told_by([cell for cell, _ in blocks], demo, tmp_path)
    for (cell, shown), observed in zip(blocks, told, strict=True):
        assert (cell, matched(shown.splitlines(), observed.splitlines())[1]) == (cell, "")
