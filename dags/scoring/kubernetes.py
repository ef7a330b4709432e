"""The jobs, run by the Spark operator of a Kubernetes cluster; what they came to is read from the ledger."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Mapping
from typing import Any

import yaml
from airflow.providers.cncf.kubernetes.operators.spark_kubernetes import SparkKubernetesOperator
from airflow.sdk import Asset
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from dags.scoring.environment import ledger_place
from dags.scoring.notices import write_note
from dags.scoring.outcomes import JobResult, newest_run
from dags.scoring.spark_jobs import publish_event, summary
from pipelines.config import Project
from pipelines.errors import ConfigurationError


class KubernetesJob(SparkKubernetesOperator):
    """One of `jobs/*.py` as a SparkApplication, by `conf/kubernetes/spark_application.yaml`.

    Args:
        project: whose configuration.
        verb: what to run, such as `score`.
        arguments: the verb's; empty ones are left out. (templated)
        settings: as for every operator of Airflow.

    Raises:
        ConfigurationError: the application's file is missing or wrong.
    """

    def __init__(self, *, project: Project, verb: str, arguments: list[str], **settings: Any) -> None:
        body = application(project, verb, arguments)
        super().__init__(
            template_spec=body,
            name=f"lakescore-{verb}",
            namespace=body["spark"].get("metadata", {}).get("namespace", "default"),
            **settings,
        )

    def execute(self, context: Context) -> Any:
        """Run it, without the arguments that came out empty."""
        spec = self.template_spec["spark"]["spec"]
        spec["arguments"] = [argument for argument in spec["arguments"] if argument]
        return super().execute(context)


class KubernetesScore(KubernetesJob):
    """Scores and publishes one slice; the ledger says what came of it.

    Args:
        project: whose configuration.
        pipeline: its name.
        score_date: the slice's, in ISO format. (templated)
        predictions: the asset of the predictions table.
        settings: as for `KubernetesJob`.
    """

    template_fields = [*SparkKubernetesOperator.template_fields, "score_date"]  # noqa: RUF012 - as Airflow has it

    def __init__(
        self, *, project: Project, pipeline: str, score_date: str, predictions: Asset, **settings: Any
    ) -> None:
        super().__init__(project=project, verb="score", outlets=[predictions], **settings)
        self.pipeline, self.score_date = pipeline, score_date
        self.runs = ledger_place(project)

    def execute(self, context: Context) -> Mapping[str, Any]:
        """Run it; a rejection fails the task at once."""
        since = dt.datetime.now(dt.UTC)
        try:
            super().execute(context)
        except AirflowException:
            run = self._run(since)
            if run is not None and run["state"] == "rejected":
                message = f"the slice {self.score_date} of '{self.pipeline}' is rejected: {run['error']}\n"
                message += f"  to do: look at `lakescore runs show {run['run_id']}`"
                write_note(context, message)
                raise AirflowFailException(message) from None
            raise
        run = self._run(since)
        if run is None:  # already done: a run that finds nothing to do changes no state
            return publish_event(context, self.outlets, {"score_date": self.score_date, "outcome": "already_done"})
        extra = {
            "score_date": self.score_date,
            "run_id": run["run_id"],
            "outcome": run["state"],
            "model": f"{run['model_name']} version {run['model_version']}",
            "rows": {name: run[f"rows_{name}"] for name in ("input", "scored", "quarantined")},
            "verdict": "passed",
        }
        write_note(context, summary(extra))
        return publish_event(context, self.outlets, extra)

    def _run(self, since: dt.datetime) -> JobResult | None:
        return newest_run(self.runs, self.pipeline, dt.date.fromisoformat(self.score_date), since)


def application(project: Project, verb: str, arguments: list[str]) -> dict[str, Any]:
    """The SparkApplication of a job: the project's own, with the verb's program and arguments.

    Raises:
        ConfigurationError: the file is missing, or has no `spec`.
    """
    file = project.conf / "kubernetes" / "spark_application.yaml"
    try:
        body = yaml.safe_load(file.read_text(encoding="utf-8"))
        spec = body["spec"]
        folder = spec["mainApplicationFile"].rsplit("/", 1)[0]
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{file}: not the SparkApplication that `runner: kubernetes` needs",
            expected="apiVersion, kind, metadata and spec, with spec.mainApplicationFile in the folder of the jobs",
            found=error,
        ) from error
    filled = copy.deepcopy(body)
    filled["spec"] |= {"mainApplicationFile": f"{folder}/{verb}.py", "arguments": list(arguments)}
    return {"spark": filled}
