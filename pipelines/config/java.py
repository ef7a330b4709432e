"""What lets Java start sooner: an archive of the classes that a run loads, made at installation. Light: DAGs use it."""

from __future__ import annotations

from pathlib import Path


def class_archive(prefix: Path) -> Path:
    """Where the installation of a Python environment keeps the archive.

    Args:
        prefix: the environment's folder, as `sys.prefix` has it.
    """
    return prefix / "lib" / "lakescore-spark.jsa"


def quick_start(prefix: Path) -> list[str]:
    """Java's options to load classes from the archive; none where there is no archive.

    Java does without one that was made for another Java or other jars, and says so only in the log that is off here.
    """
    archive = class_archive(prefix)
    if not archive.is_file():
        return []
    return [f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
