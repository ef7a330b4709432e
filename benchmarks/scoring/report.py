"""What was measured, as tables in Markdown and as a chart."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scoring.measuring import Measured
from benchmarks.scoring.peers import ALONE, CORES, NO_SPARK

OURS, USUAL = "ours", "mlflow.pyfunc.spark_udf"
SINKS = {"noop": "to nothing", "delta": "into a Delta table"}


@dataclass(frozen=True)
class Block:
    """One model over one shape: what each peer took."""

    model: str
    shape: str
    rows: int
    peers: Mapping[str, Measured]

    @property
    def title(self) -> str:
        return f"{self.model}, {self.rows:,} rows of {self.shape}"

    def least(self, peer: str, sink: str = "noop") -> float:
        return min(self.peers[peer].seconds[sink])

    @property
    def limit(self) -> float:
        """What reading takes, and then predicting from memory."""
        return self.least("Spark reads") + self.least(ALONE)

    def markdown(self) -> str:
        """One table for each sink."""
        return "\n".join([f"## {self.title}", "", *(line for sink in SINKS for line in self._table(sink))])

    def _table(self, sink: str) -> list[str]:
        measured = {name: found for name, found in self.peers.items() if found.seconds.get(sink) and name != ALONE}
        if OURS not in measured:
            return []
        ours = self.least(OURS, sink)
        lines = [
            f"| {SINKS[sink]} | median s | least s | 1,000 rows/s | rows per CPU second | peak MiB | jobs | loads | "
            "ours is quicker, times |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
        for name, found in measured.items():
            least, cpu = min(found.seconds[sink]), min(found.cpu[sink], default=0.0)
            cells = [
                f"{statistics.median(found.seconds[sink]):.2f}",
                f"{least:.2f}",
                f"{self.rows / least / 1000:,.0f}",
                f"{self.rows / cpu:,.0f}" if cpu else "",
                f"{found.peak_mib[sink]:,.0f}",
                str(found.jobs[sink]) if name != NO_SPARK else "",
                "" if found.loads is None else str(found.loads),
                f"{least / ours:.2f}",
            ]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        if sink == "noop":
            lines.append(
                f"| Spark reads every column, then the predictor alone in {CORES} processes | | {self.limit:.2f} | "
                f"{self.rows / self.limit / 1000:,.0f} | | | | | {self.limit / ours:.2f} |"
            )
        return [*lines, ""]


def chart(blocks: list[Block], file: Path) -> None:
    """How many times quicker ours is than each other peer, to nothing."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    peers = [name for name in blocks[0].peers if name not in (OURS, ALONE, "Spark reads")]
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.75 * len(blocks)), layout="constrained")
    height = 0.8 / len(peers)
    for number, peer in enumerate(peers):
        places = [row + number * height for row in range(len(blocks))]
        times = [block.least(peer) / block.least(OURS) if peer in block.peers else 0 for block in blocks]
        axes.barh(places, times, height, label=peer)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks([row + 0.4 - height / 2 for row in range(len(blocks))], [block.title for block in blocks])
    axes.invert_yaxis()
    axes.set_xlabel("seconds, in multiples of ours (more than 1: ours is quicker)")
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    figure.savefig(file)
