"""Fixtures for tests that start processes of their own: the small project and the demo, each made once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.flights_demo import Demo, demo_in
from support.small_project import SmallProject, copy_of, shared_project

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def empty(of_all: Path) -> SmallProject:
    """The project with its output tables, empty; never changed by a test."""
    return shared_project(of_all / "small", _create_tables)


def _create_tables(small: SmallProject) -> None:
    command = [str(Path(sys.executable).with_name("lakescore")), "tables", "create", "orders", "--json"]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    settings = {**os.environ, "LAKESCORE_CONF": str(small.root / "conf"), "PYTHONPATH": paths}
    subprocess.run(command, env=settings, check=True, capture_output=True, timeout=300, cwd=small.root)


@pytest.fixture(scope="session")
def counting(empty: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A copy that scores with the model that tells of every row."""
    small = copy_of(empty, tmp_path_factory.mktemp("counting"))
    small.use_counting_model()
    return small


@pytest.fixture(scope="session")
def demo(of_all: Path) -> Demo:
    """The demo; one for all processes that run tests side by side."""
    return demo_in(of_all / "demo")
