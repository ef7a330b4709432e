"""What is printed and written: texts as they are, tables that fit, JSON that is JSON, files whole or not at all."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from jobs.cli import terminal
from jobs.cli.result_file import print_json, write_file
from jobs.cli.settings import Settings, command
from pipelines.errors import UsageError

ROOT = Path(__file__).parents[3]


def runs_table() -> object:
    table = terminal.new_table(("run", "date"), ("input", "scored"), ("why",))
    table.add_row("20261126T203821-469a5d15", "2013-07-06", "805", "801", "something long " * 5)
    return table


def test_texts_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say("limit:key:foo :x: [bold]")
    assert capsys.readouterr().out == "limit:key:foo :x: [bold]\n"


@pytest.mark.parametrize(("columns", "is_ruled"), [(120, True), (40, False)])
def test_a_table_loses_nothing_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int, is_ruled: bool
) -> None:
    monkeypatch.setattr(terminal, "_OUT", Console(width=columns, force_terminal=True, highlight=False))
    terminal.show(runs_table())  # type: ignore[arg-type]
    told = capsys.readouterr().out
    assert ("─" in told) == is_ruled
    for cell in ("20261126T203821-469a5d15", "2013-07-06", "805", "801"):
        assert cell in told


@pytest.mark.parametrize(("lacking", "is_ruled"), [(0, True), (1, False)])
def test_a_table_is_ruled_as_soon_as_it_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lacking: int, is_ruled: bool
) -> None:
    table = terminal.new_table(("run", "date"), ("input", "scored"))
    table.add_row("20261126T203821-469a5d15", "2013-07-06", "805", "801")
    columns = 24 + 10 + len("input") + len("scored") + 4 * terminal.GAP - lacking
    monkeypatch.setattr(terminal, "_OUT", Console(width=columns, force_terminal=True, highlight=False))
    terminal.show(table)
    told = capsys.readouterr().out
    assert ("─" in told) == is_ruled
    assert [line for line in told.splitlines() if "20261126T203821-469a5d15" in line and "801" in line]


def test_what_is_at_work_is_told_to_a_terminal_until_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(terminal, "ERRORS", Console(file=screen, force_terminal=True))
    with pytest.raises(RuntimeError), terminal.working("[p]: checking"), terminal.working("inner"):
        raise RuntimeError
    assert "[p]: checking …" in screen.getvalue()
    assert screen.getvalue().count("\x1b[?25h") == screen.getvalue().count("\x1b[?25l") > 0, "the cursor is shown again"


def test_what_is_at_work_is_not_told_to_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.working("p: checking"):
        pass
    assert capsys.readouterr() == ("", "")


def test_what_is_no_number_is_null_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": float("nan"), "b": [float("inf"), 1.5], "c": (None,)})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {"a": None, "b": [None, 1.5], "c": [None]}


def test_a_file_behind_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("before")
    link.symlink_to(target)
    write_file(link, "after", "--output")
    assert (target.read_text(), link.is_symlink()) == ("after", True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["link", "target"]


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True)
    write_file(pipe, "told", "--output")
    assert reader.communicate(timeout=30)[0] == "told"
    assert pipe.is_fifo()


@pytest.mark.parametrize("place", [".", "missing/file", "file/below"])
def test_a_file_that_cannot_be_is_told(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--output: cannot be written"):
        write_file(tmp_path / place, "text", "--output")


def test_commands_to_go_on_are_for_the_same_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "conf", Path("/a b/conf"))
    assert command("score", "orders", "--reason", "a b") == "lakescore --conf '/a b/conf' score orders --reason 'a b'"
    assert Settings.as_options() == " --conf '/a b/conf'"


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_is_no_failure() -> None:
    code = "from jobs.cli.terminal import say\nfor n in range(9999): say(str(n))"
    script = f"set -o pipefail; {shlex.join([sys.executable, '-c', code])} | head -1"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
