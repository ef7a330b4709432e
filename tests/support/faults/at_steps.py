"""Things to do when a run begins a step: given to it as its progress."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import get_args

from pipelines.runs.progress import Progress, Step

STEPS: tuple[Step, ...] = get_args(Step)
"""Every step of a run, in their order."""


class BrokenOffError(RuntimeError):
    """What a run is broken off by."""


def at(fatal: str, act: Callable[[], object]) -> Progress:
    """Do something once, when the step begins."""
    left = [fatal]

    def progress(step: Step) -> None:
        if step in left:
            left.remove(step)
            act()

    return progress


def broken_off(fatal: str) -> Progress:
    """Raise an error that no part of the project knows."""

    def act() -> None:
        raise BrokenOffError(f"broken off at {fatal}")

    return at(fatal, act)


def killed(fatal: str) -> Progress:
    """End the process by SIGKILL."""
    return at(fatal, lambda: os.kill(os.getpid(), signal.SIGKILL))
