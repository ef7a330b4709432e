"""The documentation builds without a broken link, and each command that it shows answers as it shows."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from deltalake import DeltaTable
from support.documented_commands import PAGES, ROOT, Shown, matched, shown_on
from support.flights_demo import Demo
from support.kinds import kept

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
OWN_DATA = "docs/own-data.md"
WITH_PYTHON = ("docs/own-data.md", "docs/rollouts.md")
"""Pages whose Python is part of what is typed; that of docs/analysts.md has a test of its own."""
IN_CI = ("README.md", "docs/tutorial.md", "docs/rejected.md", "docs/reference/errors.md")
"""Pages whose commands CI types; `make soak` types all."""
WRITE = "LAKESCORE_WRITE_DOCS"
"""A variable: with it, pages are written again with the answers of today, and no answer is held against them."""


def ran(command: list[str], folder: Path, given: str = "", **variables: str) -> str:
    """What a process printed, once it ended well."""
    settings = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", **variables}
    done = subprocess.run(
        command, input=given, cwd=folder, env=settings, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    for name in ("docs", "dags", "conf", "examples"):  # what pages link to
        shutil.copytree(ROOT / name, tmp_path / name)
    ran([sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(docs), "site"], tmp_path)
    site = tmp_path / "site"
    assert "lakescore why" in (site / "reference/commands.html").read_text()
    assert "quarantined_share" in (site / "reference/configuration.html").read_text()


def test_a_link_to_nothing_would_be_found(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / "docs/explanation.md").write_text("# Broken\n\n[nowhere](nowhere.md)\n")
    with pytest.raises(AssertionError, match="nowhere"):
        ran([sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "docs", "site"], tmp_path)


@pytest.fixture(scope="module")
def typed(
    demo: Demo, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, list[dict[str, Any]]]:
    """What became of the commands of the pages under test: typed in one process, each page over a copy of the week."""
    asked: set[str] = {
        str(cast("pytest.Function", item).callspec.params["page"])
        for item in request.session.items
        if "typed" in getattr(item, "fixturenames", ())
    }
    ledger = DeltaTable(demo.week / "ops/runs").to_pandas()
    first = ledger[(ledger["state"] == "published") & (ledger["score_date"].astype(str) == "2013-07-01")]
    pages: dict[str, dict[str, Any]] = {}
    for page in sorted(asked):
        folder = tmp_path_factory.mktemp("page")
        shutil.copytree(ROOT / "conf", folder / "conf")
        shutil.copytree(demo.week, folder / "warehouse")
        shutil.copy(demo.home / "registry/mlflow.db", folder / "warehouse/mlflow.db")
        places = {
            "warehouse/inputs": str(demo.home / "inputs"),
            "warehouse": str(folder / "warehouse"),
            "conf": str(folder / "conf"),
        }
        run_id = first["run_id"].iloc[0]
        pages[page] = {"folder": str(folder), "run_id": run_id, "places": places, "python": page in WITH_PYTHON}
    return of_pages(pages, demo.home, LAKESCORE_INPUTS=str(demo.home / "inputs"))


def of_pages(pages: dict[str, dict[str, Any]], here: Path, **variables: str) -> dict[str, list[dict[str, Any]]]:
    job = json.dumps({"pages": pages, "write": WRITE in os.environ})
    driver = str(ROOT / "tests/support/typed_pages.py")
    answer: dict[str, list[dict[str, Any]]] = json.loads(ran([sys.executable, driver], here, job, **variables))
    return answer


def is_typed(shown: Shown) -> bool:
    return shown.command.startswith("lakescore ")


def differences(commands: list[dict[str, Any]]) -> dict[str, str]:
    """By command, how what it came to differs from what the page shows."""
    assert commands
    return {item["command"]: item["difference"] for item in commands if item["difference"]}


def test_the_readme_shows_what_the_demo_prints(demo: Demo) -> None:
    (block,) = re.findall(r"^```\n(slice .*?)```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    told = demo.told[0].splitlines()
    begin = next(number for number, line in enumerate(told) if line.startswith("slice "))
    assert matched(block.splitlines(), told[begin:])[1] == ""


@pytest.mark.parametrize(
    "page",
    kept([page for page in PAGES if page != OWN_DATA and any(map(is_typed, shown_on(page)))], IN_CI.__contains__),
)
def test_each_command_of_a_page_answers_as_it_shows(typed: dict[str, list[dict[str, Any]]], page: str) -> None:
    assert differences(typed[page]) == {}


@pytest.mark.soak  # CI goes the same way in test_outside_the_repository.py
def test_the_page_on_ones_own_data_does_what_it_says(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf/environments", tmp_path / "conf/environments")
    for name in ("pipelines", "expectations"):
        (tmp_path / "conf" / name).mkdir()
    places = {"warehouse": str(tmp_path / "warehouse"), "conf": str(tmp_path / "conf")}
    page = {OWN_DATA: {"folder": str(tmp_path), "run_id": "", "places": places, "python": True}}
    told = of_pages(page, tmp_path)[OWN_DATA]
    assert differences(told) == {}
    (shown,) = re.findall(r"```yaml\n(.*?)```", (ROOT / OWN_DATA).read_text(encoding="utf-8"), re.DOTALL)
    assert (tmp_path / "conf/pipelines/warmest_hour.yaml").read_text(encoding="utf-8") == shown
    assert (tmp_path / "report-warmest_hour.html").is_file()
