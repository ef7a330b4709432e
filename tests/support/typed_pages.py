"""Types the commands that pages of the documentation show, and holds the answers against what the pages show of them.

All in one process, so that the commands share its Spark session. The job comes as JSON on the input: by page, the
folder to be in, and the run that stands for those which no answer on the page names; and whether pages are to be
written again with the answers of today. What each command came to goes to the output as JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from jobs.cli import main
from support.documented_commands import ROOT, RUN_ID, Shown, matched, shortened, shown_on

LAST_CODE = "echo $?"
HERE = ("lakescore ", "python -m ", LAST_CODE)
"""Commands that are typed here; the others are those of other tests."""


@dataclass(frozen=True)
class Typed:
    """What became of a command: its exit code, its answer, and how these differ from the page; empty if not at all."""

    command: str
    code: int
    answer: list[str]
    difference: str


def main_of_pages(job: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Type every page's commands in its folder."""
    return {
        page: [asdict(typed) for typed in typed_page(page, job["write"], **at)] for page, at in job["pages"].items()
    }


def typed_page(page: str, write: bool, folder: str, run_id: str, places: dict[str, str], python: bool) -> list[Typed]:
    """Type a page's commands, and with `python` its Python too, in their order."""
    os.chdir(folder)
    os.environ["LAKESCORE_CONF"] = str(Path(folder) / "conf")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):  # MLflow sets both for the process that used another
        os.environ[name] = f"sqlite:///{folder}/warehouse/mlflow.db"
    blocks = python_on(page) if python else []
    runs: dict[str, str] = {}
    done: list[Typed] = []
    shown = [item for item in shown_on(page) if item.command.startswith(HERE)]
    for item, following in zip(shown, [*shown[1:], None], strict=True):
        while blocks and blocks[0][0] < item.lines[0]:
            command = [sys.executable, "-W", "ignore", "-c", blocks.pop(0)[1]]
            subprocess.run(command, check=True, cwd=folder, stdout=sys.stderr)
        words = [runs.get(word, run_id) if RUN_ID.fullmatch(word) else word for word in item.words]
        code, told = (0, [str(done[-1].code)]) if item.command == LAST_CODE else answer_of(words)
        told = [line for line in told if line.strip()]
        for name, place in places.items():
            told = [line.replace(place, name) for line in told]
        pairs, differing = matched(item.answer, told)
        for one, other in pairs:
            runs.update(zip(RUN_ID.findall(one), RUN_ID.findall(other), strict=True))
        if write or not any(map(str.strip, item.answer)):
            differing = ""
        if code and (following is None or following.command != LAST_CODE):
            differing = "\n".join([f"ended with {code}:", *told])
        done.append(Typed(item.command, code, told, differing))
    if write:
        rewrite(page, shown, done, runs)
    return done


def python_on(page: str) -> list[tuple[int, str]]:
    """The page's blocks of Python, each with its first line's number."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.finditer(r"```python\n(.*?)```", text, re.DOTALL)
    return [(text.count("\n", 0, block.start(1)), block[1]) for block in found]


def answer_of(words: Sequence[str]) -> tuple[int, list[str]]:
    """The exit code of a command, and what it told: on the output, then its errors."""
    if words[0] == "python":
        ended = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=False)
        return ended.returncode, (ended.stdout + ended.stderr).splitlines()
    out, errors = io.StringIO(), io.StringIO()
    code: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors), mock.patch("sys.argv", list(words)):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    sys.stderr.write(f"$ {shlex.join(words)}\n{errors.getvalue()}{out.getvalue()}")
    error = errors.getvalue().partition("error: ")
    return int(code or 0), [*out.getvalue().splitlines(), *(error[1] + error[2]).splitlines()]


def rewrite(page: str, shown: Sequence[Shown], typed: Sequence[Typed], runs: Mapping[str, str]) -> None:
    """Put today's answers where the page shows answers."""
    file = ROOT / page
    lines = file.read_text(encoding="utf-8").splitlines()
    for item, done in reversed(list(zip(shown, typed, strict=True))):
        answer = [line for line in item.answer if line.strip()]
        if answer:
            lines[slice(*item.lines)] = shortened(done.answer, [] if answer == ["?"] else answer)
    text = "\n".join(lines) + "\n"
    for before, now in runs.items():
        text = text.replace(before, now)
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    found = main_of_pages(json.load(sys.stdin))
    json.dump(found, sys.stdout)
