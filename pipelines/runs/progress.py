"""The steps of a run, timed and reported as they begin."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

Step = Literal["resolve", "read", "score", "audit", "quarantine", "publish", "record"]
Progress = Callable[[Step], None]
WHOLE = "pass"
"""Among a run's timings: what the whole pass took, where it was over several slices."""


def by_step(timings: Mapping[str, float] | None) -> dict[str, float]:
    """The seconds of each step, without what the whole pass took; none where nothing was timed."""
    return {step: took for step, took in (timings or {}).items() if step != WHOLE}


def silent(step: Step) -> None:
    """Tell nobody."""


class Steps:
    """Tells each step when it begins, and keeps how long it took in seconds."""

    def __init__(self, progress: Progress = silent) -> None:
        self._progress = progress
        self._reported: set[Step] = set()
        self.timings: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: Step) -> Iterator[None]:
        if step not in self._reported:  # one that goes on is not reported again
            self._progress(step)
            self._reported.add(step)
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.timings[step] = round(self.timings.get(step, 0.0) + time.perf_counter() - begin, 3)

    def shared_by(self, slices: int) -> dict[str, float]:
        """How long each step took so far; of a pass over several slices, the share of one, and all of it as `pass`."""
        shares = {step: round(took / slices, 3) for step, took in self.timings.items()}
        return shares if slices == 1 else {**shares, WHOLE: round(sum(self.timings.values()), 3)}

    def anew(self) -> None:
        """Tell each step again, for another part of the work."""
        self._reported.clear()
