"""Every command that the documentation shows is one that the command line takes, and is run by a test."""

from __future__ import annotations

import re

import pytest
from support.documented_commands import PAGES, ROOT, matched, shortened, shown_on, taken

SHOWN = [item for page in PAGES for item in shown_on(page)]
LAKESCORE = [item for item in SHOWN if item.words[0] == "lakescore"]
ELSEWHERE = {
    "make demo": ("tests/support/flights_demo.py", '["make", "demo"]'),
    "make airflow": ("tests/support/faults/airflow_race.py", "with airflow("),
    "make package": ("tests/integration/test_on_a_standalone_cluster.py", "make package"),
    "source .venv/bin/activate": ("Makefile", "$(BIN)/python -m pytest"),
    "airflow backfill create": ("tests/support/faults/airflow_race.py", '"backfill", "create", "--dag-id"'),
    "export LAKESCORE_ENVIRONMENT=": ("tests/unit/jobs/test_app.py", "LAKESCORE_ENVIRONMENT"),
    "export SPARK_HOME=": ("tests/integration/test_on_a_standalone_cluster.py", "SPARK_HOME"),
    "spark-submit --master": ("tests/integration/test_on_a_standalone_cluster.py", '"--py-files"'),
    "$SPARK_HOME/bin/spark-class": ("tests/integration/test_on_a_standalone_cluster.py", '"spark-class"'),
}
"""Commands that are not typed as a page's: by their beginning, where they are run instead, and by which words there."""


@pytest.mark.parametrize("shown", LAKESCORE, ids=lambda shown: f"{shown.page}: {shown.command}")
def test_a_command_that_is_shown_is_taken(shown: object) -> None:
    taken(shown.words)  # type: ignore[attr-defined]


def test_every_other_command_is_run_somewhere() -> None:
    for item in SHOWN:
        if item.command.startswith(("lakescore ", "python -m examples.", "echo $?")):
            continue  # tests/integration/test_documentation.py types these
        (place,) = [place for beginning, place in ELSEWHERE.items() if item.command.startswith(beginning)]
        file, words = place
        text = (ROOT / file).read_text(encoding="utf-8")
        assert words in text, item.command
        if item.words[0] == "make":
            assert re.search(rf"^{item.words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        for option in [
            word
            for word in item.words
            if word.startswith("--") and file.startswith(("tests/integration", "tests/support/faults"))
        ]:
            assert option in text, f"{item.command}: no test types {option}"


def test_a_command_that_is_none_would_be_found() -> None:
    wrong = {
        "lakescore scroe x --date 2013-07-01": "No such command 'scroe'",
        "lakescore score x --day 2013-07-01": "No such option",
        "lakescore score --date 2013-07-01": "Missing parameter: pipeline",
    }
    for words, told in wrong.items():
        with pytest.raises(Exception, match=told):
            taken(words.split())


def test_the_pages_show_commands_and_answers() -> None:
    assert {"README.md", "docs/tutorial.md", "docs/own-data.md", "docs/questions.md"} <= {item.page for item in SHOWN}
    assert sum(1 for item in LAKESCORE if any(map(str.strip, item.answer))) > len(LAKESCORE) // 3


def test_no_page_waits_for_an_answer() -> None:
    assert [item.command for item in SHOWN if "?" in item.answer] == []


def test_only_what_differs_each_time_may_differ_from_a_page() -> None:
    shown = ["run      20261122T210104-4afbeeb1", "seconds  23.7: resolve 9.51, read 0.27", "rows 960"]
    told = ["run  20261126T201035-868f63ad", "seconds  4.1: resolve 0.81, read 0.02", "rows 960"]
    pairs, differing = matched(shown, told)
    assert differing == ""
    assert pairs == list(zip(shown, told, strict=True))
    assert matched(shown, [*told[:2], "rows 961"])[1] == "shown: rows 960\ntold:  rows 961"
    assert "nothing more" in matched(shown, told[:2])[1]
    assert "and more" in matched(shown, [*told, "and more"])[1]
    assert matched(["0.3 of the rows"], ["0.9 of the rows"])[1] != ""
    assert matched(["2013-07-08  missing  1004  12.5"], ["2013-07-08  missing  1004  3.1"])[1] == ""


def test_a_page_may_leave_lines_out() -> None:
    told = [f"line {word}" for word in ("one", "two", "three", "four")]
    assert matched(["line one", "…", "line four"], told)[1] == ""
    assert matched(["line one", "…"], told)[1] == ""
    assert "line five" in matched(["…", "line five"], told)[1]
    assert shortened(told, ["a", "…", "b"]) == ["line one", "…", "line four"]
    assert shortened(told, ["a"]) == told
