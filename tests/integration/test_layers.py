"""The directions of imports are checked by machine, and the check fails when a wrong import is planted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the packages and of the contracts."""
    for name in ("lakescore", "pipelines", "jobs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(command), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )


def test_the_packages_keep_their_contracts(copied: Path) -> None:
    ended = lint(copied)
    assert ended.returncode == 0, ended.stdout
    assert "0 broken" in ended.stdout


@pytest.mark.parametrize(
    ("file", "wrong", "contract"),
    [
        ("expressions/masks.py", "import mlflow", "Expressions and transforms know Spark alone"),
        ("tables/slices.py", "import pipelines.runs", "Layers: dependencies go down only"),
        ("passes/retries.py", "import pipelines.runs.results", "Layers: dependencies go down only"),
        ("quality/profiling.py", "import pipelines.backfills.pace", "Layers: dependencies go down only"),
        ("models/isolation/requirements.py", "import pipelines.models.workers.udf", "Layers of models"),
        ("inputs/spark_errors.py", "import pipelines.runs", "Layers: dependencies go down only"),
        ("models/registry.py", "import pipelines.tables.slices", "Layers: dependencies go down only"),
        ("config/models.py", "import pyspark", "Configuration is light"),
        ("validation/engine.py", "import pipelines.spark", "The session is built by what a person asks for only"),
    ],
)
def test_a_wrong_import_breaks_its_contract(copied: Path, file: str, wrong: str, contract: str) -> None:
    module = copied / "pipelines" / file
    future = "from __future__ import annotations\n"
    module.write_text(module.read_text().replace(future, f"{future}{wrong}\n", 1))
    ended = lint(copied)
    broken = [line for line in ended.stdout.splitlines() if line.rstrip().endswith("BROKEN")]
    assert wrong in module.read_text()
    assert ended.returncode != 0
    assert any(line.startswith(contract) for line in broken), ended.stdout
