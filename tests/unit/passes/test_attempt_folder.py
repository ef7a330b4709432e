"""The folders of attempts: given up, and emptied by others."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from urllib.parse import unquote

import pytest

from pipelines.passes.attempt_folder import AttemptFolder, remove_left


def test_the_folder_lies_in_that_of_its_partition(tmp_path: Path) -> None:
    partition = {"score_date": "2024-03-01", "model_name": "größe 100%/a=b"}
    *folders, own = AttemptFolder(str(tmp_path), partition, "run").name.split("/")
    assert [unquote(folder.partition("=")[2]) for folder in folders] == list(partition.values())
    assert own.startswith("pass-run-")
    assert "=" not in own


def test_an_attempt_goes_alone(tmp_path: Path) -> None:
    one, other = (AttemptFolder(str(tmp_path), {"day": "1"}, "run") for _ in range(2))
    for attempt in (one, other):
        (tmp_path / attempt.name / "_temporary").mkdir(parents=True)
    one.discard()
    one.discard()
    assert [path.name for path in (tmp_path / "day=1").iterdir()] == [Path(other.name).name]


@pytest.mark.parametrize("is_one_disk", [True, False])
def test_files_get_a_second_name_or_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_one_disk: bool
) -> None:
    rows = tmp_path / "stage"
    rows.mkdir()
    for name in ("part-0.parquet", "part-1.parquet", "_SUCCESS"):
        (rows / name).write_text(name)
    if not is_one_disk:

        def refuse(*paths: Path) -> None:
            raise OSError(errno.EXDEV, "another disk")

        monkeypatch.setattr(os, "link", refuse)
    attempt = AttemptFolder(str(tmp_path / "p"), {"day": "1"}, "run")
    attempt.link(rows)
    made = sorted((tmp_path / "p" / attempt.name).iterdir())
    assert [file.read_text() for file in made] == ["part-0.parquet", "part-1.parquet"]
    assert all(file.samefile(rows / file.name) == is_one_disk for file in made)
    attempt.discard()
    assert len(list(rows.iterdir())) == 3


def test_folders_that_were_emptied_go_once_they_are_old(tmp_path: Path) -> None:
    for name in ("day=1/pass-empty/_temporary", "day=1/pass-young", "day=2/pass-used", "day=3"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "day=2/pass-used/part-0.parquet").touch()
    for folder in ("day=1/pass-empty/_temporary", "day=1/pass-empty", "day=2/pass-used", "day=3"):
        os.utime(tmp_path / folder, (1000, 1000))
    remove_left(str(tmp_path), 2000)
    # What lost a folder within is young again, and goes the next time.
    assert [path.name for path in (tmp_path / "day=1/pass-empty").iterdir()] == []
    os.utime(tmp_path / "day=1/pass-empty", (1000, 1000))
    remove_left(str(tmp_path), 2000)
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["pass-used", "pass-young"]
    assert (tmp_path / "day=3").exists()
