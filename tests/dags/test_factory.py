from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import ParamValidationError
from conftest import ROOT, Configuration

from dags.scoring.bundle import write_dag_files
from dags.scoring.factory import pipeline_dag


def loaded(conf: Configuration) -> DagBag:
    """All DAGs of the configuration, as Airflow's DAG processor loads them."""
    folder = conf.folder.parent / "files"
    write_dag_files(conf.folder, folder)
    return DagBag(dag_folder=str(folder), bundle_path=folder, bundle_name="pipelines")


def error_of(conf: Configuration, name: str) -> str:
    """The import error of one pipeline; the others load all the same."""
    bag = loaded(conf)
    assert "good" in bag.dags
    assert name not in bag.dags
    assert list(bag.import_errors) == [f"{name}.py"]
    error: str = bag.import_errors[f"{name}.py"]
    assert "Traceback" not in error
    return error


def test_a_pipeline_is_a_dag_that_waits_plans_and_scores(conf: Configuration) -> None:
    conf.pipeline(
        "daily",
        airflow={
            "schedule": "15 7 * * *", "lag_days": 2, "retries": 5, "timeout": "PT30M", "pool": "spark",
            "owner": "ann", "tags": ["x"], "on_failure": {"webhook": "chat", "email": ["a@b.test"]},
        },
    )  # fmt: skip
    dag = loaded(conf).dags["daily"]
    assert [task.task_id for task in dag.topological_sort()] == ["wait_for_input", "plan", "score"]
    assert (dag.catchup, dag.tags) == (False, {"lakescore", "x"})
    assert {task.pool for task in dag.tasks} == {"spark"}
    assert {task.owner for task in dag.tasks} == {"ann"}
    score = dag.get_task("score")
    assert (score.retries, score.execution_timeout) == (5, dt.timedelta(minutes=30))
    assert score.retry_exponential_backoff
    assert [type(told).__name__ for told in score.on_failure_callback] == ["HttpNotifier", "SmtpNotifier"]
    assert [asset.name for asset in score.outlets] == ["daily.predictions"]
    assert "15 more than" not in (dag.doc_md or "")
    for said in ("15 minutes late", "daily/predictions", "lakescore plan daily", "America/New_York", "2 days"):
        assert said in dag.doc_md


def test_without_a_schedule_it_runs_by_hand(conf: Configuration) -> None:
    conf.pipeline("by_hand", airflow={})
    assert loaded(conf).dags["by_hand"].schedule is None


@pytest.mark.parametrize(
    ("airflow", "said"),
    [
        ({"lag_days": -1}, "airflow.lag_days: input should be greater than or equal to 0; found: -1"),
        ({"schedule": "every morning"}, "airflow.schedule: not a cron expression of five fields"),
        ({"schedule": "61 6 * * *"}, "airflow.schedule: this cron expression cannot be read"),
        ({"schedul": "@daily"}, "airflow.schedul: unknown key; did you mean 'schedule'?"),
        ({"timeout": "PT0S"}, "airflow.timeout: input should be greater than 0"),
        ({"runner": "yarn"}, "airflow.runner: input should be 'spark-submit' or 'kubernetes'; found: 'yarn'"),
        ({"on_failure": {"email": ["nobody"]}}, "airflow.on_failure.email.0: string should match pattern"),
    ],
)
def test_a_broken_pipeline_is_its_own_import_error(conf: Configuration, airflow: dict[str, Any], said: str) -> None:
    conf.pipeline("broken", airflow=airflow)
    assert said in error_of(conf, "broken")


def test_two_pipelines_of_one_name_are_told(conf: Configuration) -> None:
    conf.pipeline("broken").write_text(conf.pipeline("good").read_text())
    error = error_of(conf, "broken")
    assert "a pipeline is named as its file is" in error
    assert "expected: name: broken\n  found: name: good" in error


def test_the_names_of_the_projects_own_dags_are_taken(conf: Configuration) -> None:
    conf.pipeline("lakescore_maintenance")
    error = error_of(conf, "lakescore_maintenance")
    assert "pipeline 'lakescore_maintenance' has the name of a DAG of the project's own" in error


def test_what_is_no_yaml_is_told(conf: Configuration) -> None:
    conf.pipeline("broken").write_text("name: [broken")
    assert "not well-formed YAML" in error_of(conf, "broken")


@pytest.mark.parametrize(
    ("params", "said"),
    [({"score_date": "2013-02-30"}, "date"), ({"model_version": 0}, "minimum"), ({"force": "maybe"}, "boolean")],
)
def test_parameters_are_checked_before_a_run_begins(conf: Configuration, params: dict[str, Any], said: str) -> None:
    given = pipeline_dag("good").params
    with pytest.raises(ParamValidationError, match=said):
        given.update(params)


def test_a_kubernetes_pipeline_fills_in_the_application(conf: Configuration) -> None:
    conf.pipeline("cluster", airflow={"runner": "kubernetes"})
    dag = loaded(conf).dags["cluster"]
    score = dag.get_task("score")
    spec = score.template_spec["spark"]["spec"]
    assert spec["mainApplicationFile"] == "local:///opt/lakescore/jobs/score.py"
    assert spec["arguments"][:2] == ["cluster", "--date"]
    assert score.namespace == "lakescore"
    assert [asset.name for asset in score.outlets] == ["cluster.predictions"]


def test_a_kubernetes_pipeline_without_an_application_is_told(conf: Configuration) -> None:
    (conf.folder / "kubernetes" / "spark_application.yaml").write_text("spec: 3")
    conf.pipeline("broken", airflow={"runner": "kubernetes"})
    assert "not the SparkApplication that `runner: kubernetes` needs" in error_of(conf, "broken")


@pytest.mark.filterwarnings("ignore:GitWildMatchPattern")  # Airflow's own, of its ignore file
def test_the_projects_own_dags_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LAKESCORE_CONF", raising=False)
    bag = DagBag(dag_folder=str(ROOT / "dags"), bundle_path=ROOT / "dags", bundle_name="lakescore")
    assert bag.import_errors == {}
    assert set(bag.dags) == {"flight_delays_summary", "lakescore_maintenance"}
    (folder,) = {file.parent for file in write_dag_files(ROOT / "conf", tmp_path)}
    assert set(DagBag(dag_folder=str(folder)).dags) == {"flight_delays"}
    maintenance = bag.dags["lakescore_maintenance"]
    assert [task.task_id for task in maintenance.topological_sort()] == [
        "repair.flight_delays",
        "maintain.flight_delays",
    ]


PARSE = """
import json, sys, time
from airflow.dag_processing.dagbag import DagBag
import dags.scoring.factory
begin = time.perf_counter()
bag = DagBag(dag_folder=sys.argv[1])
took = time.perf_counter() - begin
heavy = {"pyspark", "mlflow", "great_expectations", "deltalake", "pyarrow", "pandas"} & set(sys.modules)
print(json.dumps({"took": took, "dags": len(bag.dags), "errors": bag.import_errors, "heavy": sorted(heavy)}))
"""


def test_fifty_pipelines_are_parsed_without_anything_heavy(
    conf: Configuration, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(49):
        conf.pipeline(f"pipeline_{number:02}", airflow={"schedule": f"{number} 6 * * *"})
    write_dag_files(conf.folder, conf.folder.parent / "files")
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(conf.folder.parent / "files")], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["dags"], told["errors"], told["heavy"]) == (50, {}, [])
    record_property("seconds", told["took"])
    with capsys.disabled():
        sys.stdout.write(f"\n50 pipelines parsed in {told['took']:.2f} s\n")
