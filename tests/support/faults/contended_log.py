"""Commits of the log by two processes to one table on a local disk, by delta-rs and without the lock."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError

from pipelines.passes.attempt_folder import AttemptFolder
from pipelines.passes.committing import Change, commit
from pipelines.passes.footers import data_files
from pipelines.tables.slices import Slice

ROOT = Path(__file__).parents[3]
LONGEST_SECONDS = 3600
BOTH_START_WITHIN = 120
NAMES = ("one", "two")
COLUMNS = pa.schema(
    [("id", pa.int64()), ("score_date", pa.date32()), ("model_name", pa.string()), ("run_id", pa.string())]
)


def contend(folder: Path, commits: int) -> tuple[Counter[tuple[str, int]], int]:
    """Let two processes each make so many commits.

    Args:
        folder: an empty one, for the table.
        commits: of each.

    Returns:
        How often each attempt of each process stands in the log, and how often a process met the other's commit.
    """
    location = folder / "table"
    DeltaTable.create(str(location), COLUMNS, partition_by=["score_date", "model_name"])
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "support.faults.contended_log", str(commits), str(location)]
    writers = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths})
        for name in NAMES
    ]
    try:
        told = [writer.communicate(timeout=LONGEST_SECONDS)[0] for writer in writers]
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    assert [writer.returncode for writer in writers] == [0, 0]
    found: Counter[tuple[str, int]] = Counter()
    for file in (location / "_delta_log").glob("*.json"):
        for line in file.read_text().splitlines():
            attempt = json.loads(line).get("txn")
            if attempt is not None:
                found[attempt["appId"].split("/")[1], attempt["version"]] += 1
    return found, sum(map(int, told))


def write(commits: int, location: str, name: str) -> int:
    """Add the same file to a slice of this process again and again; how often another commit came in between."""
    slice_, run_id = Slice(dt.date(2024, 3, 1), name), f"run-{name}"
    attempt = AttemptFolder(location, slice_.partition, run_id).name
    Path(location, attempt).mkdir(parents=True)
    pq.write_table(pa.table({"id": [1], "run_id": [run_id]}), Path(location, attempt, "part-0.parquet"))
    files = {run_id: data_files(location, attempt, ["run_id"])}
    Path(location).with_name(f"{name}.ready").touch()
    end = time.monotonic() + BOTH_START_WITHIN
    while len(list(Path(location).parent.glob("*.ready"))) < len(NAMES):
        assert time.monotonic() < end
        time.sleep(0.01)
    met = 0
    for fence in range(1, commits + 1):
        transaction = Transaction(slice_.transaction, fence)
        change = Change(run_id, slice_.partition, transaction, 1)
        while True:
            try:
                commit(DeltaTable(location), [change], files)
            except CommitFailedError:
                met += 1
            else:
                break
    return met


if __name__ == "__main__":
    sys.stdout.write(str(write(int(sys.argv[1]), *sys.argv[2:])))
