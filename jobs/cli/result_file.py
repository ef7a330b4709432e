"""How machines are answered: JSON on the standard output, and in the file that they ask for."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.cli.settings import Settings
from pipelines.errors import PipelineError, RejectedError, UsageError


def print_json(content: Any) -> None:
    """Answer a machine."""
    sys.stdout.write(_as_text(content))


def write_result(content: Mapping[str, Any]) -> None:
    """Leave a result where `--result-file` asks for it: whole or not at all."""
    if Settings.result_file is None:
        return
    write_file(Settings.result_file, _as_text(content), "--result-file")


def write_file(file: Path, text: str, option: str) -> None:
    """Leave a text in the file that an option names: whole or not at all; a device or a pipe is written to."""
    try:
        if file.is_relative_to("/dev") or (file.exists() and not file.is_file()):
            file.write_text(text, encoding="utf-8")
            return
        _put_in_place(file.resolve(), text)
    except OSError as error:
        raise UsageError(
            f"{option}: cannot be written", expected="a file in a folder that is there", found=error
        ) from error


def _put_in_place(file: Path, text: str) -> None:
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def write_error(error: PipelineError) -> None:
    """Leave an error where `--result-file` asks for it."""
    content: dict[str, object] = {
        "outcome": "rejected" if error.outcome == "rejected" else "failed",
        "exit_code": error.exit_code,
        "error": str(error),
        "problem": error.problem,
        "expected": error.expected,
        "found": error.found,
        "remedy": error.remedy,
    }
    if isinstance(error, RejectedError):
        content |= {"run_id": error.run_id, "checks": list(error.checks)}
    write_result(content)


def _as_text(content: Any) -> str:
    return json.dumps(_without_nan(content), indent=2, default=str, allow_nan=False) + "\n"


def _without_nan(content: Any) -> Any:
    """The content with null where a number is none or infinite, for which JSON has no word."""
    if isinstance(content, Mapping):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
