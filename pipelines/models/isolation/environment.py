"""The environment of a model's own: built once from its requirements by uv, in the cache whole or not at all."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from filelock import FileLock, Timeout
from packaging.utils import canonicalize_name

from pipelines.errors import ModelError, SetupError
from pipelines.models.isolation.requirements import logical_lines, major_minor, requirement_of, without_password

INSTALLED = "installed.txt"
"""The packages of a finished environment; written last, so that its presence says that the others are there."""
LONGEST_BUILD_SECONDS = 1800.0
LAST_LINES = 12
LAST_CHARACTERS = 1500


def environment_python(requirements: Sequence[str], python_version: str | None, cache: Path) -> Path:
    """The Python of the model's own environment, which is built unless the cache has it.

    The environment of each set of requirements and Python (major and minor) is put there whole or not at all; two
    processes may ask for it at once. What the host program needs and the requirements lack is added: pyarrow, pandas,
    and mlflow in this process's version.

    Args:
        requirements: the lines of the model's requirements.txt.
        python_version: the Python that the model was made with; None: this process's.
        cache: the folder of everything that can be made again.

    Raises:
        ModelError: that Python is not installed here, or the requirements cannot be.
        SetupError: uv is not installed, or the cache cannot be written.
    """
    wanted = major_minor(python_version or platform.python_version())
    lines = _completed(requirements)
    digest = hashlib.sha256("\n".join([wanted, *lines]).encode()).hexdigest()[:32]
    folder = cache / "environments" / digest
    python = folder / "bin" / "python"
    if (folder / INSTALLED).is_file():
        return python
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(str(folder.with_suffix(".lock")), timeout=LONGEST_BUILD_SECONDS):
            if not (folder / INSTALLED).is_file():
                _build(folder, lines, wanted)
    except Timeout as error:
        raise ModelError(
            f"another process has been building the model's environment for {LONGEST_BUILD_SECONDS:g} seconds",
            expected=f"the environment in {folder}",
            remedy="see what it is waiting for, end it, and run again",
        ) from error
    except OSError as error:
        raise SetupError(
            "the model's environment cannot be written",
            expected=f"a place that this user may write to at {folder.parent}",
            found=error,
            remedy="mend the environment's cache or its permissions",
        ) from error
    return python


def _completed(requirements: Sequence[str]) -> list[str]:
    lines = sorted(set(logical_lines(requirements)))
    names = {canonicalize_name(found.name) for line in lines if (found := requirement_of(line)) is not None}
    if not names & {"mlflow", "mlflow-skinny"}:
        lines.append(f"mlflow=={metadata.version('mlflow')}")
    return lines + [name for name in ("pandas", "pyarrow") if name not in names]


def _build(folder: Path, lines: list[str], wanted: str) -> None:
    """Build aside and rename, under the lock: what else lies aside was left by builds that were killed.

    Each build has a place of its own, as the uv of a killed one may still be writing to its.
    """
    for left in folder.parent.glob(f"{folder.name}.part-*"):
        shutil.rmtree(left, ignore_errors=True)
    place = Path(tempfile.mkdtemp(prefix=f"{folder.name}.part-", dir=folder.parent))
    part = place / "environment"
    try:
        # Relocatable: its scripts find their Python after the folder was renamed.
        _uv("venv", "--quiet", "--no-project", "--relocatable", "--python", _interpreter(wanted), str(part))
        asked = part / "requirements.txt"
        asked.write_text("\n".join(lines) + "\n", encoding="utf-8")
        python = str(part / "bin" / "python")
        _uv("pip", "install", "--quiet", "--python", python, "--requirement", str(asked))
        (part / INSTALLED).write_text(_uv("pip", "freeze", "--python", python), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)  # without its last file it is none
        part.rename(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _interpreter(wanted: str) -> str:
    """A Python of that major and minor version: this process's own, else one that uv finds installed.

    Raises:
        ModelError: there is none; names those that there are.
    """
    if wanted == major_minor(platform.python_version()):
        return sys.executable
    listed = json.loads(_uv("python", "list", "--only-installed", "--output-format", "json"))
    usable = [item for item in listed if item["implementation"] == "cpython" and item["variant"] == "default"]
    for item in usable:
        if major_minor(item["version"]) == wanted:
            return str(item["path"])
    versions = sorted({platform.python_version(), *(item["version"] for item in usable)})
    raise ModelError(
        f"the model was made with Python {wanted}, which is not installed here",
        expected=f"Python {wanted} on the PATH; none is downloaded",
        found=", ".join(versions),
        remedy=f"install Python {wanted}, or log the model again with a Python that is installed",
    )


def _uv(*arguments: str) -> str:
    """What uv writes.

    Raises:
        ModelError: it failed or did not end; quotes its last lines.
        SetupError: it is not installed.
    """
    try:
        import uv

        program = uv.find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise SetupError(
            "uv is not installed, and a model's own environment is built with it",
            expected="the package uv in this environment",
            remedy="pip install uv",
        ) from error
    try:
        done = subprocess.run(
            [program, *arguments, "--no-python-downloads", "--no-progress", "--color", "never"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=LONGEST_BUILD_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise _not_built(f"uv {arguments[0]} did not end within {LONGEST_BUILD_SECONDS:g} seconds") from error
    if done.returncode != 0:
        raise _not_built(_last_lines(done.stderr) or f"uv {arguments[0]} ended with {done.returncode}")
    return done.stdout


def _not_built(found: str) -> ModelError:
    return ModelError(
        f"the model's own environment cannot be built:\n{found}",
        expected="the packages of the model's requirements.txt, from the index that uv is configured for",
        remedy="mend the model's requirements or uv's index (UV_INDEX_URL), and log the model again",
    )


def _last_lines(text: str) -> str:
    lines = [line.rstrip() for line in without_password(text).splitlines() if line.strip()]
    return "\n".join(lines[-LAST_LINES:])[-LAST_CHARACTERS:]
