"""Backfills days of orders, killed by SIGKILL at random moments and begun again, until all is published.

By hand, with more kills than the tests have time for: `PYTHONPATH=.:tests python -m faults.random_kills 40 30`.
"""

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

from small_project import DAY, SmallProject, make_small_project, orders_of

ROOT = Path(__file__).parents[2]
LAKESCORE = str(Path(sys.executable).with_name("lakescore"))
LONGEST_SECONDS = 3600.0
LONGEST_MERCY = 2.5
"""Seconds: a slice or two of the small project."""


@dataclass(frozen=True)
class Killed:
    """How a backfill fared.

    Args:
        kills: how often its processes were killed.
        at_work: how often while a slice was.
        starts: how often it was begun.
    """

    kills: int
    at_work: int
    starts: int


def begun(small: SmallProject, *command: str, output: IO[str]) -> subprocess.Popen[str]:
    """A command in a process group of its own, so that what it started ends with it."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    settings = {**os.environ, "LAKESCORE_CONF": str(small.root / "conf"), "PYTHONPATH": paths}
    return subprocess.Popen(
        command, env=settings, cwd=small.root, stdout=output, stderr=output, text=True, start_new_session=True
    )


def backfill_with_kills(small: SmallProject, last: dt.date, kills: int, luck: random.Random) -> Killed:
    """Backfill from the first day to the last, killed so often or until it is done, and then to its end."""
    command = [LAKESCORE, "backfill", "orders", "--from", str(DAY), "--to", str(last), "--parallel", "2"]
    done = at_work = starts = 0
    while True:
        with tempfile.TemporaryFile("w+") as output:
            process = begun(small, *command, output=output)
            starts += 1
            if done < kills:
                _await_word(small, process, begin=len(small.ledger.history()))
            try:
                process.wait(timeout=luck.uniform(0, LONGEST_MERCY) if done < kills else LONGEST_SECONDS)
            except subprocess.TimeoutExpired:
                at_work += any(entry.state in ("started", "staged") for entry in small.ledger.latest())
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                done += 1
                continue
            output.seek(0)
            if process.returncode:
                raise RuntimeError(f"the backfill ended with {process.returncode}:\n{output.read()[-3000:]}")
        return Killed(done, at_work, starts)


def _await_word(small: SmallProject, process: subprocess.Popen[str], begin: int) -> None:
    """Until this start has a slice at work: Spark takes long to start, and a kill before that hits nothing."""
    while len(small.ledger.history()) == begin and process.poll() is None:
        time.sleep(0.2)


def main() -> None:
    """Kill so often, over so many days, and hold the tables against those of a backfill that nobody disturbed."""
    kills, days = int(sys.argv[1]), int(sys.argv[2])
    luck = random.Random(7)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tables = []
        for name, times in (("undisturbed", 0), ("killed", kills)):
            small = make_small_project(Path(folder, name))
            for number in range(3, days):
                small.land(orders_of(DAY + dt.timedelta(days=number)))
            with tempfile.TemporaryFile("w+") as output:
                begun(small, LAKESCORE, "tables", "create", "orders", output=output).wait()
            found = backfill_with_kills(small, DAY + dt.timedelta(days=days - 1), times, luck)
            rows = sorted((row["day"], row["id"], row["probability"]) for row in small.predictions())
            refused = sorted((row["day"], row["id"]) for row in small.quarantine() if _counts(small, row))
            tables.append((rows, refused))
            ends = {entry.state for entry in small.ledger.latest()}
            if not ends <= {"published", "superseded", "failed"} or small.stages():
                raise SystemExit(f"{name}: attempts without an end, or stages left: {ends}, {small.stages()}")
            sys.stdout.write(f"{name}: {found}, {len(rows)} predictions, {len(refused)} refused rows\n")
    same = tables[0] == tables[1]
    sys.stdout.write(f"{'equal' if same else 'DIFFERENT'}, in {time.monotonic() - begin:.0f} s\n")
    sys.exit(not same)


def _counts(small: SmallProject, row: dict[str, object]) -> bool:
    return row["run_id"] in {one["run_id"] for one in small.predictions(row["score_date"])}  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
