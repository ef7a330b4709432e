"""Another process that holds a lock."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
Hold = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def hold() -> Iterator[Hold]:
    """Start a process that takes a lock by a Python statement, and wait until it has it."""
    started: list[subprocess.Popen[str]] = []

    def held(statement: str) -> subprocess.Popen[str]:
        lines = ["import time", "from pipelines.tables.locking import RunLock, table_lock", statement]
        program = "\n".join([*lines, "print('held', flush=True)", "time.sleep(60)"])
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield held
    for process in started:
        process.kill()
        process.communicate()
