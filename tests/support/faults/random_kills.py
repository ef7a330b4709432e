"""Backfills days of orders, killed by SIGKILL at random moments and begun again, until all is published."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from support.small_project import DAY, DAYS, SmallProject, copy_of, orders_of, without_run

ROOT = Path(__file__).parents[3]
LAKESCORE = str(Path(sys.executable).with_name("lakescore"))
LONGEST_SECONDS = 3600.0
LONGEST_MERCY = 2.5
"""Seconds: a slice or two of the small project."""


@dataclass(frozen=True)
class Killed:
    """How a backfill fared.

    Args:
        kills: how often its processes were killed.
        while_running: how often while a slice was.
        starts: how often it was begun.
    """

    kills: int
    while_running: int
    starts: int


def begun(small: SmallProject, *command: str, output: IO[str]) -> subprocess.Popen[str]:
    """A command in a process group of its own, so that what it started ends with it; spark-submit takes this Python."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    settings = {
        **os.environ,
        "LAKESCORE_CONF": str(small.root / "conf"),
        "PYTHONPATH": paths,
        "PYSPARK_PYTHON": sys.executable,
    }
    return subprocess.Popen(
        command, env=settings, cwd=small.root, stdout=output, stderr=output, text=True, start_new_session=True
    )


def backfill_with_kills(small: SmallProject, last: dt.date, kills: int, luck: random.Random) -> Killed:
    """Backfill from the first day to the last, killed so often or until it is done, and then to its end."""
    command = [LAKESCORE, "backfill", "orders", "--from", str(DAY), "--to", str(last), "--parallel", "2"]
    done = while_running = starts = 0
    while True:
        with tempfile.TemporaryFile("w+") as output:
            process = begun(small, *command, output=output)
            starts += 1
            if done < kills:
                _await_word(small, process, begin=len(small.ledger.history()))
            try:
                process.wait(timeout=luck.uniform(0, LONGEST_MERCY) if done < kills else LONGEST_SECONDS)
            except subprocess.TimeoutExpired:
                while_running += any(entry.state in ("started", "staged") for entry in small.ledger.latest())
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                done += 1
                continue
            output.seek(0)
            if process.returncode:
                raise RuntimeError(f"the backfill ended with {process.returncode}:\n{output.read()[-3000:]}")
        return Killed(done, while_running, starts)


def _await_word(small: SmallProject, process: subprocess.Popen[str], begin: int) -> None:
    """Until this start has a slice at work: Spark takes long to start, and a kill before that hits nothing."""
    while len(small.ledger.history()) == begin and process.poll() is None:
        time.sleep(0.2)


def killed_as_undisturbed(empty: SmallProject, folder: Path, days: int, kills: int) -> Killed:
    """Backfill days of orders with kills and without, and hold the tables of the one against those of the other.

    Args:
        empty: the project, of which nothing is published.
        folder: for the copies.
        days: how many.
        kills: how many.

    Returns:
        How the backfill that was killed fared.
    """
    period = [DAY + dt.timedelta(days=number) for number in range(days)]
    small = copy_of(empty, folder / "killed")
    for day in period[len(DAYS) :]:
        small.land(orders_of(day))
    undisturbed = copy_of(small, folder / "undisturbed")
    found = backfill_with_kills(small, period[-1], kills, random.Random())
    assert backfill_with_kills(undisturbed, period[-1], 0, random.Random()).starts == 1
    assert without_run(small.predictions()) == without_run(undisturbed.predictions())
    for day in period:
        assert without_run(small.quarantine_current(day)) == without_run(undisturbed.quarantine_current(day))
    assert {entry.state for entry in small.ledger.latest()} <= {"published", "superseded", "failed"}
    assert small.stages() == []
    return found
