"""A model's folder as one archive."""

from __future__ import annotations

import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from pipelines.models.registry import digest_of
from pipelines.models.workers.packing import packed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "4f1c"
    (made / "data" / "deep").mkdir(parents=True)
    (made / "MLmodel").write_text("flavors: {}")
    (made / "data" / "deep" / "model.bin").write_bytes(bytes(range(256)) * 1000)
    return made


def test_what_is_unpacked_is_the_folder_to_the_byte(folder: Path, tmp_path: Path) -> None:
    archive = packed(folder)
    with ZipFile(archive) as file:
        file.extractall(tmp_path / "there")
    assert digest_of(tmp_path / "there") == digest_of(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["4f1c", "4f1c.zip", "there"]


def test_it_is_packed_once(folder: Path) -> None:
    first = packed(folder).stat().st_mtime_ns
    assert packed(folder).stat().st_mtime_ns == first


def test_a_packing_that_ends_in_the_middle_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="no space left"):
        packed(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["4f1c"]
