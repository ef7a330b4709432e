"""Puts Delta's jars beside Spark's own: resolved once into a cache, copied from there ever after, offline too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyspark

from pipelines.spark import DELTA_PACKAGE

GROUPS = ("io.delta_", "io.unitycatalog_")
"""Of what Delta depends on, Spark ships the rest already; a second version beside it would do harm."""


def main() -> None:
    """Fetch what is missing, and copy it into the installed Spark."""
    spark = Path(pyspark.__file__).parent
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lakescore" / "jars"
    folder = cache / DELTA_PACKAGE.replace(":", "_")
    if not folder.is_dir():
        print(f"Fetching {DELTA_PACKAGE} and what it needs (about 90 MB, once) …", flush=True)
        fetch(spark, folder)
    for jar in folder.glob("*.jar"):
        if not (spark / "jars" / jar.name).exists():
            part = shutil.copyfile(jar, spark / "jars" / f"{jar.name}.part")
            part.rename(spark / "jars" / jar.name)  # whole or not at all, should this be interrupted


def fetch(spark: Path, folder: Path) -> None:
    """Let Spark's own resolver download the package; the folder appears once all of it is there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as part:
        nothing = Path(part) / "nothing.py"
        nothing.write_text("", encoding="utf-8")
        command = [
            str(spark / "bin" / "spark-submit"), "--master", "local[1]", "--packages", DELTA_PACKAGE,
            "--conf", f"spark.jars.ivy={part}/ivy", str(nothing),
        ]  # fmt: skip
        environment = {**os.environ, "SPARK_HOME": str(spark), "PYSPARK_PYTHON": sys.executable}
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        jars = [jar for jar in Path(part).glob("ivy/jars/*.jar") if jar.name.startswith(GROUPS)]
        if not any("delta-spark" in jar.name for jar in jars):
            log = folder.parent / "fetch.log"
            log.write_text(told.stdout + told.stderr, encoding="utf-8")
            sys.exit(f"error: {DELTA_PACKAGE} could not be fetched; is Maven Central reachable? The log: {log}")
        whole = Path(part) / "whole"
        whole.mkdir()
        for jar in jars:
            shutil.move(jar, whole / jar.name)
        whole.rename(folder)


if __name__ == "__main__":
    main()
