"""What a skops file holds, found without loading it, and kept: a look costs the imports of scikit-learn and SciPy."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from pipelines.errors import ModelError
from pipelines.models.artifact import shown


def unpacked_size(file: Path, label: str) -> int:
    """The size of all that a skops file holds, in bytes.

    Raises:
        ModelError: skops did not write the file.
    """
    with _told_as_unreadable(file, label), ZipFile(file) as opened:
        return sum(part.file_size for part in opened.infolist())


def untrusted_types(file: Path, label: str, findings: Path | None = None) -> tuple[str, ...]:
    """The types in a skops file that skops does not trust by itself, by their full names; none of them is imported.

    Args:
        file: in a model's folder.
        label: the model's name and version, for messages.
        findings: a folder for this very model's files, where the answer is kept; None to look each time.

    Raises:
        ModelError: skops did not write the file, or is not installed.
    """
    if findings is None:
        return _untrusted_types(file, label)
    kept = findings / f"{file.name}-{_skops(label)}.json"  # what skops trusts differs between its releases
    with suppress(OSError, ValueError):  # not there yet, or cut short
        return _names(json.loads(kept.read_text(encoding="utf-8")))
    found = _untrusted_types(file, label)
    with suppress(OSError):  # a cache that cannot be written to costs time, not the run
        _put(kept, json.dumps(found))
    return found


def _untrusted_types(file: Path, label: str) -> tuple[str, ...]:
    with _told_as_unreadable(file, label):
        from skops.io import get_untrusted_types  # type: ignore[import-untyped]

        return tuple(get_untrusted_types(file=file))


@contextmanager
def _told_as_unreadable(file: Path, label: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise _without_skops(label, error) from error
    except Exception as error:  # of a broken or hostile file skops raises any kind
        raise ModelError(
            f"{label} cannot be checked for the types that it holds",
            expected="a file that skops wrote",
            found=f"{shown(file.name)}: {type(error).__name__} {error}",
            remedy="log the model again",
        ) from error


def _names(kept: Any) -> tuple[str, ...]:
    if not (isinstance(kept, list) and all(isinstance(name, str) for name in kept)):
        raise ValueError("no list of names")
    return tuple(kept)


def _put(file: Path, text: str) -> None:
    """Whole or not at all, as others may read it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(file)


def _skops(label: str) -> str:
    try:
        return f"skops-{version('skops')}"
    except PackageNotFoundError as error:
        raise _without_skops(label, error) from error


def _without_skops(label: str, error: Exception) -> ModelError:
    return ModelError(f"{label} is a skops file, and skops is not installed", found=error, remedy="install 'skops'")
