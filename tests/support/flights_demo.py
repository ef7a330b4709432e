"""The README's demo, as it is typed, for tests that look at its tables or go on from them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from deltalake import DeltaTable
from filelock import FileLock

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Demo:
    """The README's demo, typed twice into a folder of its own.

    Args:
        home: the folder; `warehouse` is for tests that ask it and change it.
        week: the warehouse as the demo left it: for copies.
        told: what each of the two printed.
        versions: the version of every table, after each.
    """

    home: Path
    week: Path
    told: tuple[str, str]
    versions: tuple[dict[str, int], dict[str, int]]

    @property
    def settings(self) -> dict[str, str]:
        """The variables that move everything into the folder."""
        registry = f"sqlite:///{self.home}/registry/mlflow.db"
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LAKESCORE_WAREHOUSE": str(self.home / "warehouse"),
            "LAKESCORE_INPUTS": str(self.home / "inputs"),
            "LAKESCORE_CACHE": str(self.home / "cache"),
            "MLFLOW_TRACKING_URI": registry,
            "MLFLOW_REGISTRY_URI": registry,  # which MLflow sets for a process that registered models elsewhere
        }

    def now(self) -> dict[str, int]:
        """The version of every table in the folder."""
        logs = sorted(log for part in ("inputs", "warehouse") for log in (self.home / part).rglob("_delta_log"))
        return {str(log.parent.relative_to(self.home)): DeltaTable(log.parent).version() for log in logs}

    def type_it(self) -> str:
        """What `make demo` prints."""
        done = subprocess.run(
            ["make", "demo"], cwd=ROOT, env=self.settings, capture_output=True, text=True, timeout=900, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def demo_in(home: Path) -> Demo:
    """The demo in a folder: typed twice by the first process that asks, and only found by others."""
    home.mkdir(exist_ok=True)
    record = home / "demo.json"
    with FileLock(home / "demo.lock"):
        if not record.exists():
            demo = Demo(home, home / "week", ("", ""), ({}, {}))
            first, versions = demo.type_it(), demo.now()
            again = demo.type_it()
            shutil.copytree(home / "warehouse", demo.week)
            typed = Demo(home, demo.week, (first, again), (versions, demo.now()))
            record.write_text(json.dumps(asdict(typed), default=str), encoding="utf-8")
    found = json.loads(record.read_text(encoding="utf-8"))
    return Demo(home, home / "week", tuple(found["told"]), tuple(found["versions"]))
