"""The folders of attempts: given up, and emptied by others."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines.passes.attempt_folder import AttemptFolder, remove_empty


def test_the_folder_of_a_run_goes_with_its_last_attempt(tmp_path: Path) -> None:
    one, other = (AttemptFolder(str(tmp_path), "run") for _ in range(2))
    for attempt in (one, other):
        (tmp_path / attempt.name / "_temporary").mkdir(parents=True)
    one.discard()
    assert [path.name for path in (tmp_path / "pass=run").iterdir()] == [Path(other.name).name]
    other.discard()
    other.discard()
    assert list(tmp_path.iterdir()) == []


def test_folders_that_were_emptied_go_once_they_are_old(tmp_path: Path) -> None:
    for name in ("pass=empty/attempt=1/_temporary", "pass=young/attempt=1", "pass=used/attempt=1", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "pass=used/attempt=1/part-0.parquet").touch()
    for folder in ("pass=empty/attempt=1/_temporary", "pass=empty/attempt=1", "pass=empty", "pass=used/attempt=1"):
        os.utime(tmp_path / folder, (1000, 1000))
    remove_empty(str(tmp_path), 2000)
    # What lost a folder within is young again, and goes the next time.
    assert (tmp_path / "pass=empty").exists()
    assert not (tmp_path / "pass=empty/attempt=1/_temporary").exists()
    os.utime(tmp_path / "pass=empty/attempt=1", (1000, 1000))
    remove_empty(str(tmp_path), 2000)
    os.utime(tmp_path / "pass=empty", (1000, 1000))
    remove_empty(str(tmp_path), 2000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "pass=used", "pass=young"]
