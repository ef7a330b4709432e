"""Zip archives on the path: forgotten between tasks, found again when something is imported."""

from __future__ import annotations

import importlib
import sys
import zipfile
import zipimport
from pathlib import Path

import pytest

from pipelines.models.workers.archives import forget_archives


def test_a_forgotten_archive_is_not_read_again_until_something_is_imported_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "shipped.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("shipped_one.py", "VALUE = 1")
        file.writestr("shipped_two.py", "VALUE = 2")
    monkeypatch.syspath_prepend(archive)
    monkeypatch.setattr(sys, "path_importer_cache", dict(sys.path_importer_cache))
    assert importlib.import_module("shipped_one").VALUE == 1

    forget_archives()

    assert not [place for place in sys.path_importer_cache if place.endswith(".zip")]
    read: list[str] = []
    plain = zipimport._read_directory  # type: ignore[attr-defined]  # what is spared
    monkeypatch.setattr(zipimport, "_read_directory", lambda place: read.append(place) or plain(place))
    importlib.invalidate_caches()
    assert read == []
    assert importlib.import_module("shipped_two").VALUE == 2
