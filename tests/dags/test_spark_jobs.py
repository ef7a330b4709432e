from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from dags.scoring.environment import spark_python, spark_variables
from dags.scoring.spark_jobs import PlanSlice, connection_of, registry_variables, require_client_mode
from pipelines.errors import SetupError


def test_a_missing_connection_is_told_with_the_command_that_makes_it() -> None:
    with pytest.raises(AirflowFailException) as error:
        connection_of("lakescore_spark")
    assert "there is no Airflow connection 'lakescore_spark'" in str(error.value)
    assert "airflow connections add lakescore_spark --conn-type spark" in str(error.value)


def test_a_driver_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_LAKESCORE_SPARK", '{"conn_type": "spark", "host": "yarn", "extra": {"deploy-mode": "cluster"}}'
    )
    with pytest.raises(AirflowFailException, match="asks for deploy-mode cluster"):
        require_client_mode(connection_of("lakescore_spark"))


def test_the_registrys_credentials_are_variables_of_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    assert registry_variables() == {}
    monkeypatch.setenv("AIRFLOW_CONN_LAKESCORE_MLFLOW", "http://ann:pa%24%24@registry.test:5000/https")
    assert registry_variables() == {
        "MLFLOW_TRACKING_URI": "https://registry.test:5000",
        "MLFLOW_TRACKING_USERNAME": "ann",
        "MLFLOW_TRACKING_PASSWORD": "pa$$",
    }


def test_airflows_own_secrets_do_not_reach_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "http://x:secret@y")
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "client")
    found = spark_variables(Path("/somewhere/bin/python"), {"MLFLOW_TRACKING_PASSWORD": "p"})
    assert not [name for name in found if "AIRFLOW" in name]
    assert found["MLFLOW_TRACKING_PASSWORD"] == "p"
    assert found["PATH"].startswith("/somewhere/bin:")
    assert found["PYSPARK_PYTHON"] == "/somewhere/bin/python"


def test_no_secret_is_in_a_rendered_field(monkeypatch: pytest.MonkeyPatch) -> None:
    job = PlanSlice(task_id="plan", needs_spark=True, arguments=["p"])
    fields: dict[str, Any] = {name: getattr(job, name) for name in job.template_fields}
    assert fields == {"application_args": ["p"], "conf": None, "name": "lakescore plan"}


def test_an_environment_of_spark_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKESCORE_PYTHON", "/nowhere/bin/python")
    with pytest.raises(SetupError, match="Spark's environment is not there") as error:
        spark_python()
    assert "/nowhere/bin/python" in str(error.value)


RECORDER = """#!/bin/bash
printf '%s\\n' "$@" > {folder}/arguments
env > {folder}/environment
while [ $# -gt 0 ]; do [ "$1" = --result-file ] && file=$2; shift; done
{does}
"""


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A stand-in for spark-submit that writes down how it was called: what must not be in there is looked for."""

    def made(does: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "python").symlink_to(sys.executable)
        submit = folder / "spark-submit"
        submit.write_text(RECORDER.format(folder=tmp_path, does=does))
        submit.chmod(0o755)
        monkeypatch.setenv("LAKESCORE_PYTHON", str(folder / "python"))
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        extra = {"conf": {"spark.executor.memory": "3g"}, "py-files": "/opt/lakescore.zip"}
        connection = {"conn_type": "spark", "host": "spark://master.test:7077", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_LAKESCORE_SPARK", json.dumps(connection))
        monkeypatch.setenv("AIRFLOW_CONN_LAKESCORE_MLFLOW", "http://ann:top-secret@registry.test:5000")
        return tmp_path

    return made


def test_secrets_reach_a_job_by_its_environment_alone(recorder: Callable[[str], Path]) -> None:
    folder = recorder("""echo '{"slices": [{"state": "missing"}]}' > "$file" """)
    job = PlanSlice(task_id="plan", needs_spark=True, arguments=["p", "--from", "2013-07-01", "", ""])
    assert job.execute({}) == {"state": "missing"}
    arguments = (folder / "arguments").read_text().splitlines()
    assert "top-secret" not in str(arguments)
    assert "MLFLOW_TRACKING_PASSWORD=top-secret" in (folder / "environment").read_text()
    assert arguments[:6] == [
        "--master", "spark://master.test:7077", "--conf", "spark.executor.memory=3g", "--py-files", "/opt/lakescore.zip"
    ]  # fmt: skip
    program = next(number for number, word in enumerate(arguments) if word.endswith("jobs/plan.py"))
    assert arguments[program + 1 : -1] == ["p", "--from", "2013-07-01", "--result-file"]


@pytest.mark.usefixtures("conf")
@pytest.mark.parametrize(
    ("needs_spark", "expected"),
    [
        (False, "pipeline 'good', expectations: no such file"),
        (True, "the job ended with exit code 1 and left no result"),
    ],
)
def test_a_plan_starts_java_for_a_catalog_only(
    monkeypatch: pytest.MonkeyPatch, needs_spark: bool, expected: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LAKESCORE_SPARK", '{"conn_type": "spark", "host": "local[1]"}')
    monkeypatch.setenv("JAVA_HOME", "/nonexistent")
    day = ["--from", "2013-07-01", "--to", "2013-07-01", "", "--no-sample"]
    with pytest.raises(AirflowException, match=expected):
        PlanSlice(task_id="plan", needs_spark=needs_spark, arguments=["good", *day]).execute({})


def test_a_rejection_fails_at_once_in_the_jobs_own_words(recorder: Callable[[str], Path]) -> None:
    recorder("""echo '{"outcome": "rejected", "exit_code": 3, "error": "why"}' > "$file"; exit 3""")
    with pytest.raises(AirflowFailException, match=r"^why$"):
        PlanSlice(task_id="plan", needs_spark=True, arguments=["p"]).execute({})


def test_what_a_job_leaves_running_ends_with_it(recorder: Callable[[str], Path]) -> None:
    folder = recorder('sleep 1000 > /dev/null 2>&1 & echo $! > "$(dirname "$0")/../child"; exit 1')
    with pytest.raises(AirflowException, match="the job ended with exit code 1 and left no result"):
        PlanSlice(task_id="plan", needs_spark=True, arguments=["p"]).execute({})
    child = Path("/proc", (folder / "child").read_text().strip(), "stat")
    assert not child.exists() or child.read_text().split()[2] == "Z"
