"""Tells people: the task's note, and those whom the configuration names."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseHook
from airflow.sdk.bases.notifier import BaseNotifier
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowNotFoundException

from dags.scoring.environment import AIRFLOW_CONNECTION, address_of
from pipelines.config import OnFailure

LONGEST_NOTE = 1000
"""Airflow's own limit, in characters."""
SECONDS = (5, 30)
"""To connect, and to wait for an answer."""
TRIES_MORE = 4
"""Of each request, with 0, 2, 4 and 8 seconds between them."""
BUSY = (429, 500, 502, 503, 504)
"""What an Airflow at its limit answers, such as 500 while its database is locked."""
log = logging.getLogger(__name__)


def write_note(context: Context, text: str) -> None:
    """Put a note on the task instance, by Airflow's public API; a task has no other way.

    Without the connection `lakescore_airflow` (type `http`: address, login, password) there is no note. What goes
    wrong is logged: a note is no reason for a task to fail.
    """
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    try:
        connection = BaseHook.get_connection(AIRFLOW_CONNECTION)
    except AirflowNotFoundException:
        log.info("No note on the task: there is no Airflow connection '%s'.", AIRFLOW_CONNECTION)
        return
    base = address_of(connection)
    task = context["ti"]
    place = f"dags/{task.dag_id}/dagRuns/{quote(task.run_id, safe='')}/taskInstances/{task.task_id}"
    if task.map_index is not None and task.map_index >= 0:
        place = f"{place}/{task.map_index}"
    again = Retry(
        TRIES_MORE,
        backoff_factor=1,
        status_forcelist=BUSY,
        allowed_methods=None,
        raise_on_status=False,
        respect_retry_after_header=False,  # it may be hours, and the task waits
    )
    try:
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=again))
            login = {"username": connection.login, "password": connection.password}
            answer = session.post(f"{base}/auth/token", json=login, timeout=SECONDS)
            answer.raise_for_status()
            bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            body = {"note": text if len(text) <= LONGEST_NOTE else text[: LONGEST_NOTE - 1] + "…"}
            session.patch(f"{base}/api/v2/{place}", json=body, headers=bearer, timeout=SECONDS).raise_for_status()
    except (requests.RequestException, KeyError, TypeError) as error:  # or an answer that is not Airflow's
        log.warning("The task's note could not be written: %s", error)


def notifiers(pipeline: str, on_failure: OnFailure) -> list[BaseNotifier]:
    """Who is notified when a task fails for good.

    Args:
        pipeline: its name.
        on_failure: the pipeline's `on_failure`.
    """
    found: list[BaseNotifier] = []
    message = f"{pipeline}: {{{{ ti.task_id }}}} failed in {{{{ dag_run.run_id }}}}: {{{{ exception }}}}"
    if on_failure.webhook is not None:
        from airflow.providers.http.notifications.http import HttpNotifier

        body: dict[str, Any] = {"text": message, "pipeline": pipeline, "dag_run": "{{ dag_run.run_id }}"}
        headers = {"Content-Type": "application/json"}
        found.append(HttpNotifier(http_conn_id=on_failure.webhook, json=body, headers=headers))
    if on_failure.email:
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        subject = f"Lakescore: {pipeline}: {{{{ ti.task_id }}}} failed"
        html = f"<pre>{message.replace('exception', 'exception | e')}</pre>"
        found.append(SmtpNotifier(to=list(on_failure.email), subject=subject, html_content=html))
    return found
