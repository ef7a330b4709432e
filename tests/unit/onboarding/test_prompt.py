"""Questions to a person: an answer that will not do is told and asked for again, three times at most."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipelines.errors import UsageError
from pipelines.onboarding.prompt import TRIES, asked


def answers(*given: str) -> tuple[Callable[[str, str], str], list[str]]:
    """A person who gives these answers, and what they were asked."""
    questions: list[str] = []
    left = list(given)

    def ask(question: str, default: str) -> str:
        questions.append(question)
        return left.pop(0) or default

    return ask, questions


def column(name: str) -> str:
    if name != "date":
        raise UsageError(f"the source has no column '{name}'", remedy="did you mean 'date'?")
    return name.upper()


def test_enter_takes_the_guess() -> None:
    ask, questions = answers("")
    assert asked(ask, "The date is in", "date", column) == "DATE"
    assert questions == ["The date is in"]


def test_a_wrong_answer_is_told_and_asked_for_again() -> None:
    ask, questions = answers("dat", "date")
    assert asked(ask, "The date is in", "day", column) == "DATE"
    assert questions[1] == "the source has no column 'dat' (did you mean 'date'?). The date is in"


def test_after_three_wrong_answers_it_ends() -> None:
    ask, questions = answers(*["dat"] * TRIES)
    with pytest.raises(UsageError, match="no column 'dat'"):
        asked(ask, "The date is in", "day", column)
    assert len(questions) == TRIES
