"""Where the project, its configuration and Spark's Python are, seen from Airflow's environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.config import Pipeline, Project, load_pipeline, load_project
from pipelines.config.java import quick_start
from pipelines.config.places import LEDGER, in_warehouse
from pipelines.errors import SetupError

if TYPE_CHECKING:
    from airflow.sdk import Connection

ROOT = Path(__file__).parents[2]
QUIET = ROOT / "pipelines" / "log4j2.properties"
"""Warnings only: a task's log is read by people."""
SPARK_CONNECTION = "lakescore_spark"
MLFLOW_CONNECTION = "lakescore_mlflow"
AIRFLOW_CONNECTION = "lakescore_airflow"


def configuration_folder(conf: str | None = None) -> Path:
    """The configuration folder: as given, else `LAKESCORE_CONF`, else the repository's; or, installed, `./conf`."""
    own = ROOT / "conf"
    return Path(conf or os.environ.get("LAKESCORE_CONF") or (own if own.is_dir() else "conf")).resolve()


def project_and_pipeline(name: str) -> tuple[Project, Pipeline]:
    """The checked configuration of one pipeline.

    Raises:
        PipelineError: a file of it is wrong.
    """
    project = load_project(configuration_folder())
    return project, load_pipeline(project, name)


def ledger_place(project: Project) -> str:
    """Where the warehouse's ledger is."""
    return in_warehouse(project, LEDGER)


def address_of(connection: Connection) -> str:
    """The web address that an Airflow connection names; its schema is `http` where it names none."""
    port = f":{connection.port}" if connection.port else ""
    return f"{connection.schema or 'http'}://{connection.host}{port}"


def spark_python() -> Path:
    """The Python of Spark's environment: `LAKESCORE_PYTHON`, else the project's `.venv`.

    Raises:
        SetupError: there is none.
    """
    python = Path(os.environ.get("LAKESCORE_PYTHON") or ROOT / ".venv" / "bin" / "python")
    if not (python.is_file() and python.with_name("spark-submit").is_file()):
        raise SetupError(
            "Spark's environment is not there",
            expected=f"a Python with spark-submit beside it at {python}",
            remedy="name its Python by LAKESCORE_PYTHON; in the repository, `make demo` makes the environment",
        )
    return python


def spark_variables(python: Path, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables of a Spark job: this process's own, but for Airflow's, which hold its secrets.

    Args:
        python: of Spark's environment.
        given: others, such as secrets of a connection.
    """
    airflows = ("AIRFLOW_", "_AIRFLOW", "__AIRFLOW")
    own = {name: value for name, value in os.environ.items() if not name.upper().startswith(airflows)}
    options = [f"-Dlog4j2.configurationFile={QUIET.as_uri()}", *quick_start(python.parent.parent)]
    return {
        **own,
        "LAKESCORE_CONF": str(configuration_folder()),
        "PATH": os.pathsep.join([str(python.parent), own.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), own.get("PYTHONPATH")])),
        "PYSPARK_PYTHON": own.get("PYSPARK_PYTHON", str(python)),
        "PYSPARK_DRIVER_PYTHON": str(python),
        "SPARK_SUBMIT_OPTS": " ".join([*options, own.get("SPARK_SUBMIT_OPTS", "")]).strip(),
        **(given or {}),
    }


def is_linux() -> bool:
    """Whether the operating system can end a process with the one that started it."""
    return sys.platform == "linux"
