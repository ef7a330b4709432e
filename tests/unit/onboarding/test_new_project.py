"""A project of one's own: all of its files, or none, and each is what the project reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.config import load_project, pipeline_names
from pipelines.errors import UsageError
from pipelines.onboarding.new_project import make_project


def test_a_new_project_is_read_and_has_no_pipeline_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LAKESCORE_WAREHOUSE", "LAKESCORE_INPUTS", "LAKESCORE_CACHE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    files = make_project(tmp_path / "rain")
    assert {"README.md", ".gitignore", "conf/environments/local.yaml", "tests/test_pipelines.py"} <= set(
        map(str, files)
    )
    project = load_project(tmp_path / "rain" / "conf")
    assert pipeline_names(project) == []
    assert project.environment.inputs == str(tmp_path / "rain" / "inputs")
    text = (tmp_path / "rain" / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# rain\n")
    assert "PROJECT_NAME" not in text
    assert [entry.name for entry in tmp_path.iterdir()] == ["rain"]


def test_its_test_passes_before_there_is_a_pipeline(tmp_path: Path) -> None:
    make_project(tmp_path / "rain")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path / "rain",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_an_empty_folder_is_taken_and_another_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    before = (tmp_path / "empty").stat().st_ino
    make_project(tmp_path / "empty")
    assert (tmp_path / "empty").stat().st_ino == before  # a shell may stand in it
    assert (tmp_path / "empty" / "warehouse").is_dir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    for taken in (tmp_path / "mine", tmp_path / "mine" / "notes.txt"):
        with pytest.raises(UsageError, match="is there already, and not empty"):
            make_project(taken)
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be made"):
        make_project(tmp_path / "file" / "below")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
