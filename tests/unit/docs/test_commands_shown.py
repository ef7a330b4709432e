"""Every command that the documentation shows is one that the command line takes."""

from __future__ import annotations

import pytest
from documented_commands import PAGES, commands_of, taken

SHOWN = [(page, words) for page in PAGES for words in commands_of(page)]


@pytest.mark.parametrize(("page", "words"), SHOWN, ids=[f"{page}: {' '.join(words)}" for page, words in SHOWN])
def test_a_command_that_is_shown_is_taken(page: str, words: list[str]) -> None:
    taken(words)


def test_a_command_that_is_none_would_be_found() -> None:
    wrong = {
        "lakescore scroe x --date 2013-07-01": "No such command 'scroe'",
        "lakescore score x --day 2013-07-01": "No such option",
        "lakescore score --date 2013-07-01": "Missing parameter: pipeline",
    }
    for words, told in wrong.items():
        with pytest.raises(Exception, match=told):
            taken(words.split())


def test_the_pages_show_commands() -> None:
    assert {"README.md", "docs/tutorial.md", "docs/own-data.md", "docs/questions.md"} <= {page for page, _ in SHOWN}
