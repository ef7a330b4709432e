"""One peer, measured in this process and those that it starts: seconds, seconds of CPU, memory, jobs, model loads.

python -m benchmarks.scoring.measuring PEER SHAPE DATA MODEL ROUNDS OUTPUT SINK ...
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
from deltalake import DeltaTable, QueryBuilder

from benchmarks.scoring.peers import ALONE, NO_SPARK, PEERS, Case, SparkPeer, WithoutSpark

MEBIBYTE = 1 << 20
WARM_UPS = 2
LOOK_EVERY = 0.3
"""Seconds between two looks at the memory."""


@dataclass
class Measured:
    """What one peer took.

    Args:
        seconds: of each round, by the sink.
        cpu: seconds of CPU of each round, of all processes, likewise.
        peak_mib: the most memory that all processes held at once, by the sink; shared pages counted once.
        peak_python_mib: the same of the Python processes.
        jobs: of the last round, by the sink.
        loads: models loaded in all rounds, where that is counted.
        totals: of all rows and predictions, to hold against those of the others.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    peak_mib: dict[str, float] = field(default_factory=dict)
    peak_python_mib: dict[str, float] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
    loads: int | None = None
    totals: list[float] = field(default_factory=list)


class Memory(threading.Thread):
    """Looks at the memory of this process and all below it until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = self.peak_python = 0
        self._done = threading.Event()

    def run(self) -> None:
        """Look, and wait."""
        while not self._done.wait(LOOK_EVERY):
            held = [(_is_java(process), _memory(process)) for process in family()]
            self.peak = max(self.peak, sum(size for _, size in held))
            self.peak_python = max(self.peak_python, sum(size for is_java, size in held if not is_java))

    def stop(self) -> None:
        """Look no more."""
        self._done.set()
        self.join()


def family() -> list[psutil.Process]:
    """This process and all below it."""
    own = psutil.Process()
    return [own, *own.children(recursive=True)]


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def _is_java(process: psutil.Process) -> bool:
    try:
        return bool(process.name() == "java")
    except psutil.Error:
        return False


def cpu_seconds() -> float:
    """What this process and all below it have computed so far, those that have ended among them."""
    total = 0.0
    for process in family():
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.Error:
            continue
    return total


def measure(name: str, case: Case, rounds: int, sinks: list[str], place: str) -> Measured:
    """Run a peer twice for nothing, then so many rounds into each sink."""
    peer: Any = WithoutSpark(case) if name == NO_SPARK else SparkPeer(case, PEERS[name])
    found = Measured()
    for sink in sinks:
        target = None if sink == "noop" else place
        for _ in range(WARM_UPS):
            peer.run(target)
        memory = Memory()
        memory.start()
        found.seconds[sink], found.cpu[sink] = [], []
        for _ in range(rounds):
            cpu, begin = cpu_seconds(), time.perf_counter()
            found.jobs[sink] = peer.run(target)
            found.seconds[sink].append(time.perf_counter() - begin)
            found.cpu[sink].append(cpu_seconds() - cpu)
        memory.stop()
        found.peak_mib[sink] = memory.peak / MEBIBYTE
        found.peak_python_mib[sink] = memory.peak_python / MEBIBYTE
    found.loads = peer.loads
    if name != "Spark reads":
        if "delta" not in sinks:
            peer.run(place)
        found.totals = totals(place)
    return found


def totals(place: str) -> list[float]:
    """Sums over ids and predictions that another order of either would change."""
    sums = ("count(*)", "sum(id)", "sum(p)", "sum(p * p)", "sum(p * (id % 7))", "sum(p * (id % 1009))")
    query = QueryBuilder().register("t", DeltaTable(place)).execute(f"SELECT {', '.join(sums)} FROM t")  # noqa: S608
    return [float(column[0].as_py()) for column in query.read_all().columns]


def main() -> None:
    """Measure one peer, and write what it took as JSON."""
    name, shape, data, model, rounds, output, *sinks = sys.argv[1:]
    os.environ["OMP_NUM_THREADS"] = "1"
    warnings.simplefilter("ignore")
    case = Case(shape, data, model)
    if name == ALONE:
        peer = WithoutSpark(case)
        alone = [peer.seconds_alone() for _ in range(int(rounds))]
        found = Measured(seconds={"noop": alone}, cpu={"noop": []})
    else:
        with tempfile.TemporaryDirectory() as place:
            found = measure(name, case, int(rounds), sinks, str(Path(place, "scored")))
    Path(output).write_text(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
