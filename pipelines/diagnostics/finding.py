"""What a doctor tells: one line each, all right, doubtful, or wrong with the way to mend it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pipelines.errors import PipelineError, root_cause

Status = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        what: it, in a word or two.
        status: whether it is as it should be.
        found: what was seen.
        remedy: what to do, where it is not ok.
    """

    what: str
    status: Status
    found: str
    remedy: str = ""


def ok(what: str, found: str) -> Finding:
    """It is as it should be."""
    return Finding(what, "ok", found)


def warning(what: str, found: str, remedy: str) -> Finding:
    """It works, but may not for long, or not for all."""
    return Finding(what, "warning", found, remedy)


def problem(what: str, found: str, remedy: str) -> Finding:
    """A run would fail on it."""
    return Finding(what, "problem", found, remedy)


def failure(what: str, error: Exception) -> Finding:
    """An error as a problem, in one line."""
    if isinstance(error, PipelineError):
        return problem(what, error.brief, error.remedy or error.expected or "")
    return problem(what, f"{type(error).__name__}: {root_cause(error)}", "see the whole story in the log of a run")


def attempt(what: str, found: str | None, look: Callable[[], object]) -> Finding:
    """What comes of trying: ok, or the error as a problem.

    Args:
        what: the thing tried.
        found: what to say where it went well; None to say what `look` gives.
        look: tries it.
    """
    try:
        seen = look()
    except Exception as error:  # the doctor goes on, whatever it meets
        return failure(what, error)
    return ok(what, str(seen) if found is None else found)
