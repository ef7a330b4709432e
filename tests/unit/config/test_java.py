"""Java starts from the archive of classes that an installation has made, and as ever without one that fits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.config.java import class_archive, quick_start

JAVA = str(Path(os.environ["JAVA_HOME"], "bin", "java")) if os.environ.get("JAVA_HOME") else shutil.which("java")


def test_without_an_archive_java_is_told_nothing(tmp_path: Path) -> None:
    assert quick_start(tmp_path) == []


def test_this_environment_has_an_archive_and_java_reads_it() -> None:
    options = quick_start(Path(sys.prefix))
    assert options[0] == f"-XX:SharedArchiveFile={class_archive(Path(sys.prefix))}"
    done = subprocess.run([str(JAVA), *options, "-version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("content", [b"", b"no archive" * 1000])
def test_one_that_does_not_fit_is_passed_over(tmp_path: Path, content: bytes) -> None:
    archive = class_archive(tmp_path)
    archive.parent.mkdir()
    archive.write_bytes(content)
    done = subprocess.run([str(JAVA), *quick_start(tmp_path), "-version"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert [line for line in (done.stdout + done.stderr).splitlines() if "warning" in line or "error" in line] == []
