"""How long commands take that do little but start, held against another checkout in the same run.

`python -m benchmarks.start` measures this checkout over the demo's warehouse, which `make demo` leaves. With
`--before FOLDER`, an earlier checkout with an environment of its own, each command is run by both in turn, over the
same warehouse: a machine's speed may change fourfold within an hour, so only figures of one run can be compared.

CPU seconds are those of the command's own processes, Java's included; the least of some runs is told.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PIPELINE = "flight_delays"
COMMANDS: dict[str, list[str]] = {
    "--help": ["--help"],
    "runs": ["runs", PIPELINE],
    "check --offline": ["check", PIPELINE, "--offline"],
    "plan, 10 slices": ["plan", PIPELINE, "--from", "2013-07-01", "--to", "2013-07-10", "--no-sample"],
    "why --quick": ["why", PIPELINE, "2013-07-01", "UA", "15", "EWR", "--quick"],
}
SCORE = ["score", PIPELINE, "--date", "2013-07-07", "--force"]


@dataclass(frozen=True)
class Took:
    """What one command took.

    Args:
        cpu: seconds of all processors.
        wall: seconds until it ended.
    """

    cpu: float
    wall: float


def took(checkout: Path, words: list[str]) -> Took:
    """Run a command of a checkout over this one's demo, as an image would that keeps no bytecode.

    Raises:
        SystemExit: it failed.
    """
    roots = {
        "LAKESCORE_WAREHOUSE": ROOT / "warehouse",
        "LAKESCORE_INPUTS": ROOT / "warehouse" / "inputs",
        "LAKESCORE_CACHE": checkout / "warehouse" / "cache",
        "MLFLOW_TRACKING_URI": f"sqlite:///{ROOT}/warehouse/mlflow.db",
    }
    settings = {**os.environ, **{name: str(place) for name, place in roots.items()}, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(checkout / ".venv" / "bin" / "lakescore"), *words]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=checkout, env=settings, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return Took(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="an earlier checkout with its own .venv")
    parser.add_argument("--runs", type=int, default=5, help="of each command; of `score` a third of them")
    given = parser.parse_args()
    checkouts = [*([given.before.resolve()] if given.before else []), ROOT]
    names = ["before", "after"][-len(checkouts) :]
    print(f"| command | {' | '.join(f'{name}, CPU s' for name in names)} | ratio |")
    print(f"|---|{'--:|' * len(names)}--:|")
    for name, words in COMMANDS.items():
        _row(name, [min(one.cpu for one in of) for of in _in_turn(checkouts, words, given.runs)])
    runs = _in_turn(checkouts, SCORE, max(1, given.runs // 3))
    _row("score, one slice", [min(one.cpu for one in of) for of in runs])
    _row("score, one slice, wall", [min(one.wall for one in of) for of in runs])


def _in_turn(checkouts: list[Path], words: list[str], times: int) -> list[list[Took]]:
    """What each checkout took, one after the other in each round; a first round only fills the caches."""
    rounds = [[took(checkout, words) for checkout in checkouts] for _ in range(times + 1)][1:]
    return [list(of) for of in zip(*rounds, strict=True)]


def _row(name: str, seconds: list[float]) -> None:
    ratio = f"{seconds[0] / seconds[-1]:.1f} ×" if len(seconds) > 1 else ""
    print(f"| `{name}` | {' | '.join(f'{one:.2f}' for one in seconds)} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
