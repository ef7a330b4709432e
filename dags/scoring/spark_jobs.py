"""The project's jobs as Airflow tasks: spark-submit beside the worker, its result read, its end certain."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Asset, BaseHook, Connection
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSkipException,
)

from dags.scoring.environment import (
    MLFLOW_CONNECTION,
    ROOT,
    SPARK_CONNECTION,
    address_of,
    is_linux,
    spark_python,
    spark_variables,
)
from dags.scoring.notices import write_note
from dags.scoring.outcomes import JobResult, as_extra, failure, left_in
from pipelines.errors import PipelineError

SECONDS_TO_END = 4
"""Between SIGTERM and SIGKILL: Airflow itself kills a task's process five seconds after it asked it to end."""
SET_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of Linux's prctl(2)."""


class SparkJob(SparkSubmitOperator):
    """One of `jobs/*.py` by spark-submit in client mode.

    The master comes from the Airflow connection `lakescore_spark`, with Spark settings and the project for executors
    from its extra (`conf`, `py-files`); the registry's address and credentials from `lakescore_mlflow` where that is
    there. Secrets reach the job as environment variables only: not by its
    command line, which others can read, nor by a rendered field, which Airflow keeps.

    Args:
        verb: what to run, such as `score`.
        arguments: the verb's; empty ones are left out. (templated)
        settings: as for every operator of Airflow.
    """

    template_fields = ("application_args", "conf", "name")

    def __init__(self, *, verb: str, arguments: list[str], **settings: Any) -> None:
        application = str(ROOT / "jobs" / f"{verb}.py")
        super().__init__(
            application=application,
            application_args=arguments,
            name=f"lakescore {verb}",
            conn_id=SPARK_CONNECTION,
            durable=False,
            **settings,
        )

    def execute(self, context: Context) -> Any:
        """Run the job, and make of its result what it means for the task."""
        python = _checked(spark_python)
        connection = connection_of(SPARK_CONNECTION)
        require_client_mode(connection)
        self.py_files = connection.extra_dejson.get("py-files")
        self.conf = {**connection.extra_dejson.get("conf", {}), **(self.conf or {})}
        with tempfile.TemporaryDirectory(prefix="lakescore-") as folder:
            file = Path(folder, "result.json")
            given = [argument for argument in self.application_args or [] if argument]
            self.application_args = [*given, *self.result_option(file)]
            try:
                self._submit(spark_variables(python, registry_variables()))
            except AirflowException as error:
                code = self._process.returncode if self._process is not None else None
                what = failure(left_in(file), code, str(error))
                if isinstance(what, AirflowFailException):
                    write_note(context, str(what))
                raise what from None
            return self.done(context, left_in(file))

    def result_option(self, file: Path) -> list[str]:
        """How the job knows where to leave its result."""
        return ["--result-file", str(file)]

    def done(self, context: Context, result: JobResult | None) -> Any:
        """What a job that succeeded gives; it becomes the task's XCom."""
        return result

    def on_kill(self) -> None:
        """End the job with all that it started: first asked, then made to."""
        self._end_group()

    @property
    def _process(self) -> subprocess.Popen[str] | None:
        """What was started, once it was."""
        return self._hook._submit_sp if self._hook else None

    def _submit(self, variables: dict[str, str]) -> None:
        """Run it to its end, in a process group of its own, of which nothing is left afterwards."""
        hook = self._hook = self._get_hook()
        try:
            hook.submit(
                self.application,
                cwd=ROOT,
                env=variables,
                start_new_session=True,
                preexec_fn=_end_with_parent if is_linux() else None,
            )
        finally:
            self._end_group()

    def _end_group(self) -> None:
        process = self._process
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):  # all of the group have ended
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=SECONDS_TO_END)
        if process.stdout is not None:
            process.stdout.close()


class UpkeepJob(SparkJob):
    """`repair` or `maintain`, which leave no result file."""

    def result_option(self, file: Path) -> list[str]:
        """No result file: a plan prints its result."""
        return []


class PlanSlice(SparkJob):
    """What a run would do to the slice, and why: in the log, and as the task's XCom.

    It needs no Spark, and starts none, unless a table's name must be looked up in Spark's catalog, or text files read.

    Args:
        needs_spark: whether that is so.
        settings: as for `SparkJob`.
    """

    def __init__(self, *, needs_spark: bool = False, **settings: Any) -> None:
        super().__init__(verb="plan", **settings)
        self._needs_spark = needs_spark
        self._alone: subprocess.Popen[str] | None = None

    @property
    def _process(self) -> subprocess.Popen[str] | None:
        return self._alone or super()._process

    def _submit(self, variables: dict[str, str]) -> None:
        if self._needs_spark:
            super()._submit(variables)
            return
        process = self._alone = subprocess.Popen(
            [variables["PYSPARK_DRIVER_PYTHON"], self.application, *(self.application_args or ())],
            cwd=ROOT,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=_end_with_parent if is_linux() else None,  # noqa: PLW1509 - it calls the system, no Python
        )
        try:
            for line in process.stdout or ():
                self.log.info("%s", line.rstrip())
            code = process.wait()
        finally:
            self._end_group()
        if code:
            raise AirflowException(f"the plan ended with exit code {code}")

    def done(self, context: Context, result: JobResult | None) -> Mapping[str, Any]:
        """The slice's state and reasons."""
        slice_ = (result or {}).get("slices", [{}])[0]
        self.log.info("The slice as it is: %s", json.dumps(slice_))
        return dict(slice_)


class ScoreSlice(SparkJob):
    """Scores and publishes one slice; tells the predictions' asset what came of it.

    Args:
        predictions: the asset of the predictions table.
        settings: as for `SparkJob`.
    """

    def __init__(self, *, predictions: Asset, **settings: Any) -> None:
        super().__init__(verb="score", outlets=[predictions], **settings)

    def done(self, context: Context, result: JobResult | None) -> Mapping[str, Any]:
        """The event's extra; the task is skipped, without an event, where a newer attempt published."""
        if result is None:
            raise AirflowException("the job ended well, but left no result")
        extra = as_extra(result)
        write_note(context, summary(extra))
        return publish_event(context, self.outlets, extra)


def publish_event(context: Context, outlets: list[Any], extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Let the assets' event tell what was published.

    Raises:
        AirflowSkipException: a newer attempt published, and tells it itself.
    """
    if extra["outcome"] == "superseded":
        raise AirflowSkipException(f"a newer attempt at the slice {extra['score_date']} won: run {extra['run_id']}")
    for asset in outlets:
        context["outlet_events"][asset].extra = dict(extra)
    return extra


def summary(extra: Mapping[str, Any]) -> str:
    """A published slice in one line."""
    rows = extra["rows"]
    return (
        f"{extra['score_date']} {extra['outcome']} by run {extra['run_id']}, {extra['model']}: {rows['input']} rows, "
        f"{rows['scored']} scored, {rows['quarantined']} quarantined; {extra['verdict']}; "
        f"more: lakescore runs show {extra['run_id']}"
    )


def connection_of(name: str) -> Connection:
    """An Airflow connection that a task cannot do without.

    Raises:
        AirflowFailException: there is none of that name.
    """
    try:
        return BaseHook.get_connection(name)
    except AirflowNotFoundException:
        raise AirflowFailException(
            f"there is no Airflow connection '{name}'\n"
            "  expected: a connection of type spark, with the master as its host\n"
            f"  to do: airflow connections add {name} --conn-type spark --conn-host 'spark://HOST:7077' (or 'local[2]')"
        ) from None


def require_client_mode(connection: Connection) -> None:
    """Refuse a driver on another machine: its result could not be read, nor its end be made sure.

    Raises:
        AirflowFailException: the connection asks for one.
    """
    mode = connection.extra_dejson.get("deploy-mode") or "client"
    if mode != "client":
        raise AirflowFailException(
            f"the Airflow connection '{connection.conn_id}' asks for deploy-mode {mode}\n"
            "  expected: client: the driver runs beside Airflow's worker, its executors on the cluster\n"
            "  to do: take deploy-mode out of the connection; or `runner: kubernetes` in the pipeline's YAML"
        )


def registry_variables() -> dict[str, str]:
    """MLflow's address and credentials, by the connection `lakescore_mlflow`; none where there is no such one."""
    try:
        connection = BaseHook.get_connection(MLFLOW_CONNECTION)
    except AirflowNotFoundException:
        return {}
    found = {
        "MLFLOW_TRACKING_URI": address_of(connection) if connection.host else None,
        "MLFLOW_TRACKING_USERNAME": connection.login,
        "MLFLOW_TRACKING_PASSWORD": connection.password,
    }
    return {name: value for name, value in found.items() if value}


def _checked(look: Callable[[], Path]) -> Path:
    """What it gives; an error of the set-up fails the task at once, in its own words."""
    try:
        return look()
    except PipelineError as error:
        raise AirflowFailException(str(error)) from None


_LIBC = ctypes.CDLL(None) if is_linux() else None


def _end_with_parent() -> None:
    """In the new process: end when the task's process does, even by SIGKILL, so that no driver is left running."""
    if _LIBC is not None:
        _LIBC.prctl(SET_DEATH_SIGNAL, signal.SIGTERM)
