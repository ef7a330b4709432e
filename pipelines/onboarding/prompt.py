"""Questions to a person about what is only a guess."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pipelines.errors import UsageError

Ask = Callable[[str, str], str]
"""Asks a person: the question, and what is taken where they only press Enter."""
TRIES = 3
Found = TypeVar("Found")


def sentence(error: UsageError) -> str:
    """What is wrong, as the beginning of a question."""
    return f"{error.problem[:1].upper()}{error.problem[1:]}"


def asked(ask: Ask, question: str, default: str, find: Callable[[str], Found]) -> Found:
    """What comes of a person's answer; one that will not do is explained, and asked for again.

    Args:
        ask: asks them.
        question: what is asked.
        default: what is taken where they only press Enter.
        find: what the answer leads to.

    Raises:
        UsageError: of the last of three answers that would not do.
    """
    shown = question
    for _ in range(TRIES - 1):
        try:
            return find(ask(shown, default))
        except UsageError as error:
            shown = f"{error.brief}{f' ({error.remedy})' if error.remedy else ''}. {question}"
    return find(ask(shown, default))
