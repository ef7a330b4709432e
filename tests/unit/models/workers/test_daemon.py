"""Workers are forked from a process that has imported what scores: quietly, without threads, each with own chances."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipelines.models.workers.daemon import has_threads, import_quietly

ONE_EACH = """
import os, sys
import numpy
from pipelines.models.workers.daemon import seed_after_fork
seed_after_fork()
numpy.random.seed(7)
for _ in range(2):
    if (child := os.fork()) == 0:
        print(numpy.random.random(), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that prints when it is imported."""
    (tmp_path / "talks_when_imported.py").write_text("print('hello')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "talks_when_imported"


def test_what_imports_print_does_not_reach_spark(module: str, tmp_path: Path) -> None:
    program = (
        "import sys; from pipelines.models.workers.daemon import import_quietly; sys.path.insert(0, sys.argv[1])\n"
        "import_quietly([sys.argv[2], 'no_such_module_here']); print(sys.argv[2] in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path, module], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "hello\n")


def test_nothing_of_the_imports_surroundings_is_left(module: str) -> None:
    before = dict(os.environ)
    import_quietly([module])
    assert dict(os.environ) == before
    assert sys.modules.get("polars", ...) is not None


def test_a_thread_is_seen() -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    assert has_threads()
    end.set()
    thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("names", ["mlflow.pyfunc", "mlflow.sklearn,sklearn,skops.io", "lightgbm,xgboost", "pandas"])
def test_what_is_imported_starts_no_thread(names: str) -> None:
    program = (
        "import sys; from pipelines.models.workers.daemon import has_threads, import_quietly\n"
        "import_quietly(sys.argv[1].split(',')); print(has_threads(), set(sys.argv[1].split(',')) <= set(sys.modules))"
    )
    settings = {**os.environ, "OMP_NUM_THREADS": "1"}  # as Spark sets it for its workers
    done = subprocess.run(
        [sys.executable, "-c", program, names], env=settings, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "False True", done.stderr


def test_each_fork_draws_random_numbers_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", ONE_EACH], capture_output=True, text=True, check=True)
    assert len(set(done.stdout.split())) == 2


THREADED = """
import os, sys, threading
from pipelines.models.workers import daemon
threading.Thread(target=threading.Event().wait, daemon=True).start()
daemon.SPARKS_OWN = "this"
daemon.main()
"""


def test_where_an_import_starts_threads_it_begins_again_without_imports() -> None:
    """`python -m this` stands for Spark's own daemon, which would wait for Spark."""
    done = subprocess.run([sys.executable, "-c", THREADED], capture_output=True, text=True, check=True, timeout=60)
    assert "Beautiful is better than ugly." in done.stdout
