from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator

import pytest
import typer

from jobs.cli.prompt import ask, can_ask
from jobs.cli.verbs import quarantine


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where to type what the process reads."""
    read, write = os.pipe()
    with os.fdopen(read) as given:
        monkeypatch.setattr(sys, "stdin", given)
        yield write


def typed(keyboard: int, text: str) -> None:
    os.write(keyboard, text.encode())
    os.close(keyboard)


def test_an_answer_is_taken_without_the_blanks_around_it(keyboard: int, capsys: pytest.CaptureFixture[str]) -> None:
    typed(keyboard, " id \n")
    assert ask("The key is", "order_id") == "id"
    assert capsys.readouterr().err == "The key is [order_id]: "


def test_enter_takes_the_default(keyboard: int) -> None:
    typed(keyboard, "\n")
    assert ask("The key is", "id") == "id"


def test_the_end_of_the_input_is_no_answer(keyboard: int) -> None:
    typed(keyboard, "")
    with pytest.raises(typer.Abort):
        ask("The key is", "id")


def test_ctrl_c_is_no_answer(keyboard: int) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    try:
        with pytest.raises(typer.Abort):
            ask("The key is", "id")
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
        os.close(keyboard)


@pytest.mark.parametrize(("answer", "agreed"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False)])
def test_only_yes_runs_slices(keyboard: int, monkeypatch: pytest.MonkeyPatch, answer: str, agreed: bool) -> None:
    monkeypatch.setattr(quarantine, "can_ask", lambda: True)
    typed(keyboard, answer)
    assert quarantine._agreed(2, as_json=False) is agreed


def test_a_program_is_not_asked(keyboard: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert not can_ask()
    assert not quarantine._agreed(2, as_json=False)
    assert "add --yes" in capsys.readouterr().err
    os.close(keyboard)
