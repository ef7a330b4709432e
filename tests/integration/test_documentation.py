"""The documentation builds without a broken link, and its page on one's own data does what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documented_commands import ROOT, commands_of

pytestmark = [pytest.mark.slow]


def ran(command: list[str], folder: Path, given: str = "", **variables: str) -> str:
    """What a process printed, once it ended well."""
    settings = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(
        command, input=given, cwd=folder, env=settings, capture_output=True, text=True, timeout=600, check=False
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


def test_the_page_on_ones_own_data_does_what_it_says(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf/environments", tmp_path / "conf/environments")
    for name in ("pipelines", "expectations"):
        (tmp_path / "conf" / name).mkdir()
    page = (ROOT / "docs/own-data.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    ran([sys.executable, "-W", "ignore", "-c", code], tmp_path)
    typed = json.dumps(commands_of("docs/own-data.md"))
    told = ran([sys.executable, str(ROOT / "tests/integration/typed_commands.py")], tmp_path, typed)
    for shown in re.findall(r"^(warmest_hour.*|  (?:key|suite|features|rows) .*|  prediction .*)$", page, re.MULTILINE):
        assert shown in told, shown
    assert (tmp_path / "report-warmest_hour.html").is_file()
