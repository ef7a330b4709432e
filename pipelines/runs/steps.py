"""The steps of a run, timed and told as they begin."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

Step = Literal["resolve", "read", "score", "audit", "quarantine", "publish", "record"]
Progress = Callable[[Step], None]


def silent(step: Step) -> None:
    """Tell nobody."""


class Steps:
    """Tells each step when it begins, and keeps how long it took in seconds."""

    def __init__(self, progress: Progress = silent) -> None:
        self._progress = progress
        self.timings: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: Step) -> Iterator[None]:
        if step not in self.timings:  # one that goes on is not told again
            self._progress(step)
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.timings[step] = round(self.timings.get(step, 0.0) + time.perf_counter() - begin, 3)
