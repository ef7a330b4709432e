"""Spark's daemon of Python workers, which has imported what scores before it forks the first of them.

Spark starts it in place of its own `pyspark.daemon`, once for each executor, where `spark.python.daemon.module` names
it. Each worker would import for seconds what its model needs; forked, it has that already, and shares the memory.

Nothing but imports runs before a fork, and no thread, as a fork copies locks that other threads hold
(https://docs.python.org/3/library/os.html#os.fork): what starts threads when it is imported is left to the workers.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

IMPORTS = "LAKESCORE_WORKER_IMPORTS"
"""The environment variable with the modules' names, separated by commas."""
SPARKS_OWN = "pyspark.daemon"
_ARROWS_ALLOCATOR = "JE_ARROW_MALLOC_CONF"
"""Settings of the jemalloc within Arrow, which otherwise starts a thread when it is loaded."""


def import_quietly(names: Iterable[str]) -> None:
    """Import modules; one that cannot be imported is left to the worker that needs it, which says what is wrong.

    What they print goes to the error stream: on its output the daemon tells Spark its port.
    """
    output = os.dup(1)
    os.dup2(2, 1)
    os.environ[_ARROWS_ALLOCATOR] = "background_thread:false"
    sys.modules["polars"] = None  # type: ignore[assignment]  # starts threads; MLflow imports it where it is there
    try:
        for name in names:
            with suppress(Exception):
                import_module(name)
    finally:
        del sys.modules["polars"], os.environ[_ARROWS_ALLOCATOR]
        sys.stdout.flush()
        os.dup2(output, 1)
        os.close(output)


def has_threads() -> bool:
    """Whether this process has other threads than this one, those of libraries included; Linux tells."""
    tasks = Path("/proc/self/task")
    return tasks.is_dir() and len(list(tasks.iterdir())) > 1


def seed_after_fork() -> None:
    """Give each worker random numbers of its own: NumPy, imported here, would draw the same ones in all of them."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        os.register_at_fork(after_in_child=numpy.random.seed)


def main() -> None:
    """Import, then do as Spark's own daemon does; where an import started threads, begin again without imports."""
    import_quietly(filter(None, os.environ.get(IMPORTS, "").split(",")))
    if has_threads():
        os.execv(sys.executable, [sys.executable, "-m", SPARKS_OWN, *sys.argv[1:]])  # noqa: S606 - itself, again
    seed_after_fork()
    gc.collect()
    gc.freeze()  # what was imported is no garbage: collecting it would copy its memory into each worker
    from pyspark.daemon import manager

    manager()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
