"""Measures every peer over the models and shapes that are asked for, prints tables, and writes them with a chart."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.scoring.measuring import Measured
from benchmarks.scoring.models import MODELS, save
from benchmarks.scoring.peers import ALONE, NO_SPARK, OF_NUMBERS, PEERS
from benchmarks.scoring.report import Block, chart
from benchmarks.scoring.shapes import SHAPES

RESULTS = Path(__file__).parent.parent / "results"
WHOLE = ("linear", "lightgbm_100")
"""These models are measured over all shapes, over the first also into a Delta table; the others over the first only."""
FIRST = next(iter(SHAPES))
PACKAGES = ("pyspark", "delta-spark", "mlflow", "pyarrow", "lightgbm", "xgboost", "scikit-learn", "onnxruntime")


def main() -> None:
    """Measure, show and write."""
    asked = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for shape, model in _cases(asked):
            data, saved = place / shape.replace(" ", "_"), place / f"{model}-{shape.replace(' ', '_')}"
            if not data.exists():
                SHAPES[shape].write(data, asked.rows)
            save(model, SHAPES[shape], saved)
            whole = model in WHOLE and shape == FIRST and not asked.quick
            peers = _measured(
                shape, data, saved, asked.rounds if whole else min(asked.rounds, 3), ["noop", *(["delta"] * whole)]
            )
            block = Block(model, shape, asked.rows or SHAPES[shape].rows, peers)
            print(block.markdown(), flush=True)
            if asked.write:
                _write(block)


def _write(block: Block) -> None:
    """Add a block to the results, or replace it there, and make tables and chart anew."""
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / "scoring.json"
    known = json.loads(kept.read_text()) if kept.exists() else []
    named = {(item["model"], item["shape"]): item for item in [*known, asdict(block)]}
    order = [(model, shape) for shape in SHAPES for model in MODELS]
    listed = [named[name] for name in order if name in named]
    kept.write_text(json.dumps(listed, indent=1))
    blocks = [
        Block(**{**item, "peers": {name: Measured(**found) for name, found in item["peers"].items()}})
        for item in listed
    ]
    about = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    head = f"# Scoring\n\nBy `python -m benchmarks.scoring --write` on {os.cpu_count()} cores; {about}.\n"
    picture = "![Seconds of each peer in multiples of ours](scoring.svg)"
    tables = "\n".join(one.markdown() for one in blocks)
    (RESULTS / "scoring.md").write_text(f"{head}\n{picture}\n\n{tables}")
    chart(blocks, RESULTS / "scoring.svg")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring", description=__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument(
        "--rounds",
        type=int,
        default=5,
        help="of the models that are measured whole, over the first shape; else at most three",
    )
    parser.add_argument("--rows", type=int, help="of each shape, in place of its own number")
    parser.add_argument("--quick", action="store_true", help="three rounds, to nothing only")
    parser.add_argument("--write", action="store_true", help="write tables and chart to benchmarks/results")
    return parser.parse_args()


def _cases(asked: argparse.Namespace) -> Iterator[tuple[str, str]]:
    for shape in asked.shapes:
        for model in asked.models:
            if model in WHOLE or shape == FIRST:
                yield shape, model


def _measured(shape: str, data: Path, saved: Path, rounds: int, sinks: Sequence[str]) -> dict[str, Measured]:
    peers = {}
    with tempfile.TemporaryDirectory() as folder:
        for peer in [*PEERS, NO_SPARK, ALONE]:
            if peer == OF_NUMBERS and not SHAPES[shape].is_numeric:
                continue
            output = Path(folder, "measured.json")
            command = [sys.executable, "-m", "benchmarks.scoring.measuring"]
            done = subprocess.run(
                [*command, peer, shape, str(data), str(saved), str(rounds), str(output), *sinks],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise SystemExit(f"{peer} failed over {shape} with {saved.name}:\n{done.stderr[-3000:]}")
            peers[peer] = Measured(**json.loads(output.read_text()))
    totals = {name: found.totals for name, found in peers.items() if found.totals}
    expected = next(iter(totals.values()))
    if not all(np.allclose(found, expected, rtol=1e-5, atol=1e-2) for found in totals.values()):
        raise SystemExit(f"the peers predicted different values over {shape} with {saved.name}: {totals}")
    return peers


if __name__ == "__main__":
    main()
