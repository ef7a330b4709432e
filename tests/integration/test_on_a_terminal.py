"""The command line on a terminal: it asks, shows what it is at, and rules its tables; piped, none of these."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
import yaml
from support.small_project import DAY, SmallProject, copy_of

pytestmark = [pytest.mark.slow]
ROOT = Path(__file__).parents[2]
LAKESCORE = str(Path(sys.executable).with_name("lakescore"))
OF_THE_TERMINAL = ("NO_COLOR", "FORCE_COLOR", "CI", "TERM", "COLUMNS", "LINES")
"""Variables that say otherwise what a terminal is."""
HEIGHT, WIDTH = 50, 120
STYLED = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def settings(small: SmallProject) -> dict[str, str]:
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    plain = {name: value for name, value in os.environ.items() if name not in OF_THE_TERMINAL}
    size = {"TERM": "xterm-256color", "COLUMNS": str(WIDTH), "LINES": str(HEIGHT)}
    return {**plain, "LAKESCORE_CONF": str(small.root / "conf"), "PYTHONPATH": paths, **size}


def typed(small: SmallProject, *words: str) -> pexpect.spawn[str]:
    """A command on a terminal of 120 columns."""
    return pexpect.spawn(
        LAKESCORE, list(words), env=settings(small), cwd=str(small.root), encoding="utf-8", timeout=300,
        dimensions=(HEIGHT, WIDTH), preexec_fn=_heed_ctrl_c,
    )  # fmt: skip


def _heed_ctrl_c() -> None:
    """As every shell on a terminal does; tests that run in the background inherit that it is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def rest_of(terminal: pexpect.spawn[str]) -> str:
    """What is told until the command ends, which it must do well."""
    terminal.expect(pexpect.EOF)
    terminal.close()
    told = str(terminal.before)
    assert terminal.exitstatus == 0, told
    return told


@pytest.fixture(scope="module")
def small(empty: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    return copy_of(empty, tmp_path_factory.mktemp("terminal"))


def test_init_asks_what_it_cannot_guess_and_takes_enter_for_what_it_can(small: SmallProject) -> None:
    terminal = typed(small, "init", "mine", "--source", "orders", "--model", "returns@champion")
    terminal.expect(r"The date is in \(date, 3 days from 2024-03-01 to 2024-03-03\) \[day\]:")
    terminal.sendline("")
    terminal.expect(r"The key is \(120 distinct in 120 rows, within a date\) \[id\]:")
    terminal.sendline("idd")
    terminal.expect(r"no column 'idd' \(did you mean 'id'\?\)\. The key is")
    terminal.sendline("day, id")
    terminal.expect("The model takes 'is_web', and no column is named like it")
    terminal.sendline("CAST(channel = 'web' AS INT)")
    told = STYLED.sub("", rest_of(terminal))
    assert "mine: made, checked and planned" in told
    assert f"plan      {DAY.replace(day=3)}: missing, 40 rows, returns version 1" in told
    written = yaml.safe_load((small.root / "conf/pipelines/mine.yaml").read_text())
    assert written["key"] == ["day", "id"]
    assert written["features"]["is_web"] == "CAST(channel = 'web' AS INT)"
    assert written["personal"] == ["email"]


def test_ctrl_c_at_a_question_leaves_nothing_behind(small: SmallProject) -> None:
    terminal = typed(small, "init", "given_up", "--source", "orders", "--model", "returns@champion")
    terminal.expect("The date is in")
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert "Traceback" not in str(terminal.before)
    assert "no answer was given; nothing was changed" in STYLED.sub("", str(terminal.before))
    assert terminal.exitstatus == 130
    assert not list(small.root.rglob("given_up*"))


def test_a_terminal_shows_progress_and_rules_and_a_pipe_neither(small: SmallProject) -> None:
    scored = rest_of(typed(small, "score", "orders", "--date", str(DAY)))
    assert "validating and scoring" in scored
    assert STYLED.search(scored)
    listed = rest_of(typed(small, "runs", "orders"))
    assert "─────" in listed
    piped = subprocess.run(
        [LAKESCORE, "runs", "orders"], env=settings(small), cwd=small.root, capture_output=True, text=True, check=True
    )
    assert not STYLED.search(piped.stdout)
    assert "─" not in piped.stdout
    assert [line.split()[1] for line in piped.stdout.splitlines()] == ["pipeline", "orders"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion(small: SmallProject, shell: str) -> None:
    words = {"_LAKESCORE_COMPLETE": f"source_{shell}"}
    done = subprocess.run(
        [LAKESCORE], env={**settings(small), **words}, cwd=small.root, capture_output=True, text=True, check=True
    )
    assert "lakescore" in done.stdout
    assert f"complete_{shell}" in done.stdout
