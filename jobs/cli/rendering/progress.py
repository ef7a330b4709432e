"""The steps of a run, shown as they begin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobs.cli import terminal

if TYPE_CHECKING:
    from pipelines.runs.progress import Progress, Step


STEPS = {
    "resolve": "looking up versions",
    "read": "checking source, features and model against each other",
    "score": "validating and scoring",
    "audit": "auditing the stage",
    "quarantine": "writing the quarantine",
    "publish": "publishing the predictions",
    "record": "writing the ledger",
}


@contextmanager
def progress(title: str, *, quiet: bool) -> Iterator[Progress]:
    """Tell each step as it begins: a spinner on a terminal, lines on the error stream otherwise."""
    if quiet:
        yield _silent
    elif terminal.ERRORS.is_terminal:
        with terminal.ERRORS.status(f"{title}: starting") as status:
            yield lambda step: status.update(f"{title}: {STEPS[step]} …")
    else:
        yield lambda step: terminal.ERRORS.print(f"{title}: {STEPS[step]}", soft_wrap=True)


def _silent(step: Step) -> None:
    """Tell nothing."""
