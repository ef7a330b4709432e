"""Small commits of two JVMs to one table on a local disk, each through Delta's own log store, as fast as they can.

By hand, to see that without the lock some are lost: `PYTHONPATH=.:tests python -m faults.contended_commits 20000 none`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from deltalake import DeltaTable
from py4j.protocol import Py4JJavaError

from pipelines.spark import start
from pipelines.tables.locking import table_lock
from support.small_project import ORDERS, SPARK

ROOT = Path(__file__).parents[3]
LONGEST_SECONDS = 3600
BOTH_START_WITHIN = 120
LOCKS: dict[str, Callable[[str], AbstractContextManager[None]]] = {
    "lock": table_lock,
    "none": lambda _: nullcontext(),
}


@dataclass(frozen=True)
class Contended:
    """What became of the commits.

    Args:
        made: how many the writers were told had succeeded.
        lost: the versions of which the log holds another writer's commit than the one that was told of success.
        turns: how often another writer made the next version.
        versions: how many versions the log holds.
    """

    made: int
    lost: tuple[int, ...]
    turns: int
    versions: int


def contend(folder: Path, commits: int, lock: str) -> Contended:
    """Let two processes make so many commits together.

    Args:
        folder: an empty one, for the table.
        commits: of both.
        lock: `lock`, as the project's own writes take it, or `none`.
    """
    location = folder / "table"
    DeltaTable.create(str(location), ORDERS)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "support.faults.contended_commits", str(commits // 2), lock, str(location)]
    writers = []
    for name in ("one", "two"):
        with (folder / f"{name}.txt").open("w") as output:
            writers.append(subprocess.Popen([*command, name], stdout=output, env={**os.environ, "PYTHONPATH": paths}))
    told = []
    try:
        for name, writer in zip(("one", "two"), writers, strict=True):
            assert writer.wait(LONGEST_SECONDS) == 0
            told.append(json.loads((folder / f"{name}.txt").read_text().splitlines()[-1]))
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    log = {int(file.stem): file.read_text() for file in (location / "_delta_log").glob("*.json")}
    by_two = ['"two-' in log[version] for version in sorted(log)]
    lost = [version for one in told for version, mark in one["made"].items() if mark not in log[int(version)]]
    return Contended(
        made=sum(len(one["made"]) for one in told),
        lost=tuple(sorted(map(int, lost))),
        turns=sum(one != other for one, other in pairwise(by_two)),
        versions=len(log) - 1,
    )


class Meeting:
    """Where the writers await each other before each version, so that both try it at once however they are scheduled.

    Args:
        folder: for a file of each writer, with the version that it is at.
        name: of this writer.
    """

    def __init__(self, folder: Path, name: str) -> None:
        names = {"one": "two", "two": "one"}
        self.own, self.other = (os.open(folder / f"{one}.at", os.O_RDWR | os.O_CREAT) for one in (name, names[name]))

    def at(self, version: int) -> None:
        """Tell that this writer is at a version, and return once the other is, too."""
        os.pwrite(self.own, version.to_bytes(8), 0)
        end = time.monotonic() + BOTH_START_WITHIN
        while version != sys.maxsize and int.from_bytes(os.pread(self.other, 8, 0)) < version:
            assert time.monotonic() < end, "the other writer has gone"
            time.sleep(0.0001)


def write(commits: int, lock: str, location: str, name: str) -> None:
    """Make commits, once the other writer is there too; tell which versions succeeded."""
    spark = start({**SPARK, "spark.master": "local[1]", "spark.driver.memory": "512m"}, name)
    jvm = spark._jvm
    assert jvm is not None
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, location)
    store, settings, folder = log.store(), log.newDeltaHadoopConf(), log.logPath()
    Path(location).with_name(f"{name}.ready").touch()
    end = time.monotonic() + BOTH_START_WITHIN
    while len(list(Path(location).parent.glob("*.ready"))) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    version = 1
    made: dict[int, str] = {}
    meeting = Meeting(Path(location).parent, name)
    while len(made) < commits:
        meeting.at(version)
        mark = f"{name}-{len(made)}"
        lines = jvm.java.util.ArrayList()
        told = {"timestamp": 0, "operation": "WRITE", "operationParameters": {"by": mark}}
        lines.add(json.dumps({"commitInfo": told}))
        content = jvm.org.apache.spark.api.python.PythonUtils.toSeq(lines).iterator()
        file = jvm.org.apache.hadoop.fs.Path(folder, f"{version:020d}.json")
        try:
            with LOCKS[lock](location):
                store.write(file, content, False, settings)
        except Py4JJavaError as error:
            if "FileAlreadyExistsException" not in str(error.java_exception.getClass().getName()):
                raise
        else:
            made[version] = mark
        version += 1
    meeting.at(sys.maxsize)  # the other goes on alone
    sys.stdout.write(json.dumps({"made": made}) + "\n")


def main() -> None:
    """Both writers, or one of them."""
    commits, lock, *which = sys.argv[1:]
    if which:
        write(int(commits), lock, *which)
        return
    with tempfile.TemporaryDirectory() as folder:
        found = contend(Path(folder), int(commits), lock)
    sys.stdout.write(f"{found.made} commits, {len(found.lost)} lost: {found}\n")


if __name__ == "__main__":
    main()
