"""Writes by Spark that lose against others."""

from __future__ import annotations

import pytest

from pipelines.errors import ConflictError
from pipelines.passes.retries import retried
from pipelines.passes.spark_writer import _is_conflict


class ConcurrentAppendError(Exception):
    """Named as Delta names its conflicts."""


def test_a_writer_that_lost_tries_again() -> None:
    lost = iter([ConcurrentAppendError("a"), ConcurrentAppendError("b")])

    def write() -> None:
        for error in lost:
            raise error

    retried(write, "t", _is_conflict)
    assert next(lost, None) is None


def test_another_error_is_not_retried() -> None:
    calls = []

    def write() -> None:
        calls.append(1)
        raise ValueError("no space left")

    with pytest.raises(ValueError, match="no space left"):
        retried(write, "t", _is_conflict)
    assert len(calls) == 1


def test_a_writer_that_always_lost_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.passes.retries.MOST_ATTEMPTS", 2)

    def write() -> None:
        raise ConcurrentAppendError("files were added\nand more")

    with pytest.raises(ConflictError, match="came first 2 times") as caught:
        retried(write, "t", _is_conflict)
    assert caught.value.found == "files were added"
