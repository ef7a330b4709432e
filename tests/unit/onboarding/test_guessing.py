"""How CSV files seem to be written: guesses, their evidence, and what is asked or said."""

from __future__ import annotations

from typing import Any

import pytest
from support.wild_csv import FILES

from pipelines.config import TextFormat
from pipelines.errors import PipelineError, UnguessedError
from pipelines.inputs.header import Beginning
from pipelines.onboarding.guessing import Guess, guess_csv
from pipelines.onboarding.number_signs import number_type


def guessed(content: bytes | str, **said: Any) -> Guess:
    text = content.encode() if isinstance(content, str) else content
    return guess_csv("s", [Beginning("s.csv", text, is_whole=True)], said)


def options(guess: Guess) -> dict[str, Any]:
    return guess.spelling.model_dump(exclude_defaults=True)


EXPECTED: dict[str, dict[str, Any]] = {
    "plain": {},
    "UTF-16 with a byte order mark": {"encoding": "UTF-16"},
    "windows-1252": {"encoding": "windows-1252"},
    "semicolons and decimal commas": {"separator": ";", "decimal": ","},
    "decimal commas and thousands": {"separator": ";", "decimal": ",", "thousands": "."},
    "thousands by commas": {"thousands": ","},
    "tabs": {"separator": "\t"},
    "bars and single quotes": {"separator": "|", "quote": "'"},
    "quotes escaped": {"escape": "\\"},
    "quotes doubled": {},
    "missing values among numbers": {"nulls": ("", "NA")},
    "codes that look like numbers": {},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_options_are_guessed_by_how_a_file_begins(name: str) -> None:
    assert options(guessed(FILES[name].content)) == EXPECTED[name]


def test_each_guess_has_its_evidence() -> None:
    guess = guessed("id;preis;n\n1;1.234,5;NA\n2;3,5;7\n")
    assert guess.evidence == (
        "separator ';': 3 values in 3 of 3 records",
        "nulls: 'NA' 1 times among numbers",
        "decimal sign ',', '.' between thousands: 2 of 2 numbers with signs",
    )
    assert guess.types == {"id": "bigint", "preis": "double", "n": "bigint"}


def test_what_a_person_says_wins() -> None:
    guess = guessed("id;preis\n1;1,5\n", separator=",")
    assert options(guess) == {}
    assert guess.types == {}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('id,price\n1,"1,234"\n', "1.234 or 1234.0"),
        ("id;price\n1;1.234\n", "1.234 or 1234.0"),
    ],
)
def test_numbers_that_read_in_two_ways_are_asked_about(content: str, expected: str) -> None:
    with pytest.raises(UnguessedError, match=r"numbers such as 1.234 can be read in two ways") as caught:
        guessed(content)
    assert caught.value.expected == expected
    assert "--text decimal=" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id;price\n1;1,234\n", "1,234 is read as 1.234; with other signs it would be 1234.0"),
        ("id,price\n1,1.234\n", "1.234 is read as 1.234; with other signs it would be 1234.0"),
        ("id,land,n\n1,NA,5\n2,DE,NA\n3,FR,7\n", "'NA' would be missing values in land too"),
        ("id,name\n1,Zürich\n".encode("cp1252"), "the file is not UTF-8; read as windows-1252 it holds the signs ü"),
    ],
)
def test_what_may_be_otherwise_is_said(content: bytes | str, said: str) -> None:
    assert guessed(content).unsure == (said,)


def test_fractions_below_one_tell_decimals_from_thousands() -> None:
    assert guessed("id;x\n1;1.234\n2;0.567\n").unsure == ()


def test_years_as_names_make_a_header() -> None:
    assert guessed("id,2023,2024\na,1,2\n").types == {"2023": "bigint", "2024": "bigint"}


@pytest.mark.parametrize("name", [name for name, wild in FILES.items() if wild.refused])
def test_what_cannot_be_read_is_refused_with_a_remedy(name: str) -> None:
    try:
        guessed(FILES[name].content, **FILES[name].said)
    except PipelineError as error:
        assert error.remedy  # noqa: PT017 - some files are refused by their header only
    assert FILES[name].rows == ()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-2", ""], "bigint"),
        (["1.5", "2"], "double"),
        (["1e3"], "double"),
        (["02139", "10001"], None),
        (["+1"], None),
        (["1234567890123456789"], None),
        (["20240301", "20240302"], None),
        (["1", "x"], None),
        ([], None),
    ],
)
def test_numbers_are_told_from_codes(values: list[str], expected: str | None) -> None:
    assert number_type(values, TextFormat()) == expected
