"""Questions on a terminal."""

from __future__ import annotations

import select
import sys

import typer

from jobs.cli import terminal

LOOK_EVERY = 0.2
"""Seconds between looks for an answer."""


def can_ask() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty() and terminal.ERRORS.is_terminal


def ask(question: str, default: str = "") -> str:
    """The answer to a question on the error stream; the default where it is empty.

    It looks for the answer again and again, as a read that waits does not hear Ctrl-C here: with Spark in the process,
    the signal may come to a thread of its connection to Java.

    Raises:
        typer.Abort: Ctrl-C, or the end of the input.
    """
    terminal.show_question(f"{question} [{default}]" if default else question)
    try:
        while not select.select([sys.stdin], [], [], LOOK_EVERY)[0]:
            pass
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        answer = ""
    if not answer:
        raise typer.Abort
    return answer.strip() or default
