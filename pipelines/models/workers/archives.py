"""Zip archives on a worker's path, of which Spark makes Python read the lists anew before each task."""

from __future__ import annotations

import sys
from zipimport import zipimporter


def forget_archives() -> None:
    """Drop what this process remembers of its archives; an import that needs one looks again, at next to no cost.

    Before each task a worker calls `importlib.invalidate_caches`, and a Python before 3.13 then reads the list of an
    archive once for each of its folders that something was imported from: of `pyspark.zip` that takes 0.1 s a task.
    An archive does not change under Spark, which refuses to ship another file of the same name.
    """
    for place, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimporter):
            del sys.path_importer_cache[place]
