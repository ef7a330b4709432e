"""Whether memory stays flat: what scoring a table and one of ten times the rows hold at most.

python -m benchmarks.scoring.memory [ROWS]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.scoring.measuring import Measured
from benchmarks.scoring.models import save
from benchmarks.scoring.peers import PEERS
from benchmarks.scoring.shapes import SHAPES

SHAPE, MODEL = "28 doubles", "lightgbm_100"


def main() -> None:
    """Measure, and print one line for each peer and size."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 400_000
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        save(MODEL, SHAPES[SHAPE], place / "model")
        for times in (1, 10):
            SHAPES[SHAPE].write(place / str(times), rows * times)
        for peer in ("mlflow.pyfunc.spark_udf", "ours"):
            assert peer in PEERS  # noqa: S101 - a name of this file
            for times in (1, 10):
                output = place / "measured.json"
                command = [sys.executable, "-m", "benchmarks.scoring.measuring", peer, SHAPE, str(place / str(times))]
                subprocess.run(
                    [*command, str(place / "model"), "1", str(output), "noop"], check=True, capture_output=True
                )
                found = Measured(**json.loads(output.read_text()))
                told = f"Python {found.peak_python_mib['noop']:,.0f} MiB, all {found.peak_mib['noop']:,.0f} MiB"
                print(f"{peer}, {rows * times:,} rows: {told}", flush=True)


if __name__ == "__main__":
    main()
