"""Messages say what is wrong, expected, found and to do; the exit codes tell machines apart what happened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import errors
from pipelines.errors import LONGEST_VALUE, PipelineError, did_you_mean, shortened


def test_a_message_has_its_parts_on_lines_of_their_own() -> None:
    observed = str(PipelineError("wrong", expected="this", found=12, remedy="mend it"))
    assert observed == "wrong\n  expected: this\n  found: 12\n  to do: mend it"


def test_parts_that_are_not_given_are_left_out() -> None:
    assert str(PipelineError("wrong")) == "wrong"
    assert str(PipelineError("wrong", found=0)) == "wrong\n  found: 0"


def test_what_was_found_is_cut_to_a_readable_length() -> None:
    error = PipelineError("wrong", found="x" * 10_000)
    assert len(error.found or "") == LONGEST_VALUE


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_shortened_text_is_never_longer_and_short_text_stays(text: str, longest: int) -> None:
    observed = shortened(text, longest)
    assert len(observed) <= longest
    assert observed == text if len(text) <= longest else observed == text[: longest - 1] + "…"


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("flight_delay", ["churn", "flight_delays"], "did you mean 'flight_delays'?"),
        ("zzz", ["churn", "flights"], "known: churn, flights"),
        ("zzz", ["b", "a", "a"], "known: a, b"),
        ("zzz", [], "none is known here"),
    ],
)
def test_an_unknown_name_is_answered(name: str, known: list[str], expected: str) -> None:
    assert did_you_mean(name, known) == expected


def test_a_long_list_of_known_names_is_cut() -> None:
    assert len(did_you_mean("zzz", [f"name_{number}" for number in range(1000)])) < LONGEST_VALUE + 20


EXIT_CODES = {
    "PipelineError": 1,
    "ConfigurationError": 2,
    "UsageError": 2,
    "UnguessedError": 2,
    "SetupError": 2,
    "SourceError": 1,
    "ComputationError": 1,
    "ModelError": 1,
    "TableError": 1,
    "ConflictError": 1,
    "AbandonedError": 1,
    "UnknownModelError": 1,
    "RejectedError": 3,
}


def test_every_error_has_its_exit_code() -> None:
    observed = {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, PipelineError)
    }
    assert observed == EXIT_CODES
