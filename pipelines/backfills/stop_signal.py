"""A person's or a scheduler's word that a long run should end: Ctrl-C and SIGTERM, unlike being killed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Whether the work should end.

    Asked once, nothing new is begun; asked twice, or once the grace is over, what is running is abandoned. Schedulers
    kill what has not ended after 30 seconds and more: the grace is less by default.
    """

    def __init__(self, grace_seconds: float = 20.0, on_ask: Callable[[bool], object] | None = None) -> None:
        self._grace, self._on_ask = grace_seconds, on_ask
        self._asked_at: float | None = None
        self._twice = False

    def ask(self) -> None:
        """Ask for an end; a second time, for one at once."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()
        else:
            self._twice = True
        if self._on_ask is not None:
            self._on_ask(self._twice)

    @property
    def is_asked(self) -> bool:
        return self._asked_at is not None

    @property
    def is_urgent(self) -> bool:
        return self._asked_at is not None and (self._twice or time.monotonic() - self._asked_at > self._grace)


@contextmanager
def on_signals(stop: Stop) -> Iterator[Stop]:
    """Let Ctrl-C and SIGTERM ask for the end, for as long as the block lasts; of the main thread only."""

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the protocol's
        stop.ask()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
