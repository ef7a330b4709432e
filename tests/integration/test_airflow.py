"""Airflow as it runs: scheduler, API server, triggerer and DAG processor, with SQLite and with PostgreSQL."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
import yaml
from faults.airflow_here import Airflow, airflow, midnight, postgresql, processes_with, until
from faults.random_kills import LAKESCORE, begun
from faults.receivers import Request, mail_receiver, web_receiver
from small_project import DAY, DAYS, SmallProject, copy_of, orders_of, without_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
LONG = 900
PERIOD = [DAY + dt.timedelta(days=number) for number in range(6)]
SCHEDULED = PERIOD[-1]
REJECTED = PERIOD[3]


@pytest.fixture(scope="module")
def base(empty: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """Six days of orders, one of which a gate rejects, on a schedule."""
    small = copy_of(empty, tmp_path_factory.mktemp("airflow"))
    for day in PERIOD[len(DAYS) :]:
        orders = orders_of(day)
        small.land([{**order, "amount": -1.0} for order in orders] if day == REJECTED else orders)
    return small


@pytest.fixture(scope="module")
def plain(base: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """The same, as one backfill without Airflow leaves it."""
    small = copy_of(base, tmp_path_factory.mktemp("plain"))
    command = [LAKESCORE, "backfill", "orders", "--from", str(PERIOD[0]), "--to", str(PERIOD[-1])]
    with (small.root / "backfill.log").open("w+") as output:
        assert begun(small, *command, output=output).wait(timeout=LONG) == 3
    return small


class Told:
    """What reached people: the requests to the web hook, and the mails."""

    def __init__(self) -> None:
        self.posted: list[Request] = []
        self.mails: list[EmailMessage] = []


@pytest.fixture(scope="module")
def told(monkeypatch_module: pytest.MonkeyPatch) -> Iterator[Told]:
    """Receivers on loopback, and the Airflow connections that lead to them."""
    found = Told()
    with web_receiver() as (web, found.posted), mail_receiver() as (mail, found.mails):
        monkeypatch_module.setenv("AIRFLOW_CONN_CHAT", f"http://127.0.0.1:{web}/http")
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "lakescore@example.com"}
        smtp = {"conn_type": "smtp", "host": "127.0.0.1", "port": mail, "extra": extra}
        monkeypatch_module.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(smtp))
        yield found


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    """As pytest's own, for a module."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def here(
    request: pytest.FixtureRequest, base: SmallProject, told: Told, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Airflow, SmallProject]]:
    """An Airflow whose one pipeline is due in a minute and a half, and a copy of the project for it."""
    folder = tmp_path_factory.mktemp(request.param)
    small = copy_of(base, folder)
    due = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=150)
    schedule = {
        "schedule": f"{due.minute} {due.hour} * * *",
        "lag_days": (due.date() - SCHEDULED).days,
        "retries": 2,
        "retry_delay": "PT1S",
        "look_every": "PT1S",
        "on_failure": {"webhook": "chat", "email": ["on-call@example.com"]},
    }
    small.configure(airflow=schedule)
    broken = {**yaml.safe_load((small.root / "conf/pipelines/orders.yaml").read_text()), "name": "broken"}
    broken["airflow"] = {"schedule": "at dawn"}
    (small.root / "conf/pipelines/broken.yaml").write_text(yaml.safe_dump(broken))
    variables = {"LAKESCORE_CONF": str(small.root / "conf"), "LAKESCORE_PYTHON": sys.executable}
    if request.param == "SQLite":
        with airflow(folder / "home", variables) as running:
            yield running, small
        return
    with (
        postgresql() as address,
        airflow(folder / "home", {**variables, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address}) as running,
    ):
        yield running, small


def score_date_of(run: str, lag: dt.timedelta) -> str:
    """The day that a run is about: its own, such as `backfill__2026-11-20T03:16:00+00:00`, less the lag."""
    return day_less(run.split("__")[1], lag)


def day_less(moment: str, lag: dt.timedelta) -> str:
    """The day that a run of this moment, as Airflow writes it, is about."""
    return str(dt.date.fromisoformat(moment[:10]) - lag)


def test_schedule_backfill_and_spark_submit_meet_on_the_same_slices(  # noqa: PLR0915 - one race, told from its start to its end
    here: tuple[Airflow, SmallProject],
    plain: SmallProject,
    told: Told,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running, small = here
    until(lambda: "orders" in running.dags(), 120, running.tail)

    # A broken YAML is its own import error, in its own words; the other pipeline is there.
    errors = until(lambda: running.ask("GET", "importErrors")["import_errors"], 60)
    assert [error["filename"] for error in errors] == ["broken.py"]
    assert "airflow.schedule: not a cron expression" in errors[0]["stack_trace"]
    assert "Traceback" not in errors[0]["stack_trace"]

    # The schedule, a backfill of five days, and spark-submit's backfill of all, at once.
    running.ask("PATCH", "dags/orders", is_paused=False)
    lag = dt.timedelta(days=small.pipeline.airflow.lag_days)
    first, end = PERIOD[0] + lag, PERIOD[5] + lag  # the end's own run, later that day, is not part of it
    period = {"from_date": midnight(first), "to_date": midnight(end)}
    by_api = "PostgreSQL" in request.node.name
    if by_api:
        running.ask("POST", "backfills", dag_id="orders", reprocess_behavior="none", max_active_runs=3, **period)
    else:
        period_options = ["--from-date", str(first), "--to-date", str(end), "--max-active-runs", "3"]
        period_options += ["--reprocess-behavior", "failed"]
        running.command("backfill", "create", "--dag-id", "orders", *period_options)
    submit = [str(Path(sys.executable).with_name("spark-submit")), "--master", "local[2]", "--driver-memory", "1g"]
    dates = ["--from", str(PERIOD[0]), "--to", str(PERIOD[-1]), "--parallel", "1"]
    program = str(Path(__file__).parents[2] / "jobs" / "backfill.py")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    with (small.root / "submitted.log").open("w") as output:
        submitted = begun(small, *submit, program, "orders", *dates, output=output)

    # In the middle of it, one task is killed; its driver goes with it.
    at_work = until(
        lambda: [one for one in running.tasks("orders", "score") if one["state"] == "running" and one["pid"]], 300
    )[0]
    day = score_date_of(at_work["dag_run_id"], lag)
    job = f"score.py orders --date {day}"
    until(lambda: processes_with(job), 60)
    if by_api:
        run = at_work["dag_run_id"]
        running.ask("PATCH", f"dags/orders/dagRuns/{run}/taskInstances/score", new_state="failed")
    else:
        os.kill(at_work["pid"], signal.SIGKILL)
    until(lambda: not [one for one in processes_with(job) if str(small.root) in one[1]], 60)

    states = running.await_runs("orders", 6, LONG)
    if by_api:
        until(lambda: not processes_with(job), 30)
        again = {"dry_run": False, "task_ids": ["score"], "dag_run_id": run, "only_failed": True}
        running.ask("POST", "dags/orders/clearTaskInstances", **again)
        until(lambda: running.runs("orders")[run] != "failed", 60)
        states = running.await_runs("orders", 6, LONG)
    assert submitted.wait(timeout=LONG) == 3, (small.root / "submitted.log").read_text()
    # The schedule made today's run, and on being switched on the last one before; the backfill made the others.
    kinds = sorted((score_date_of(name, lag), name.split("__")[0]) for name in states)
    assert [day for day, _ in kinds] == [str(one) for one in PERIOD]
    assert [kind for _, kind in kinds][:4] == ["backfill"] * 4
    assert kinds[-1][1] == "scheduled"

    # What a gate rejects is not tried again, and says why where people look.
    scores = {score_date_of(one["dag_run_id"], lag): one for one in running.tasks("orders", "score")}
    assert sorted(scores) == [str(one) for one in PERIOD]
    rejected = scores.pop(str(REJECTED))
    assert (rejected["state"], rejected["try_number"]) == ("failed", 1)
    assert "limit:quarantined_share" in rejected["note"]
    assert "lakescore runs show" in rejected["note"]
    assert "limit:quarantined_share" in running.log("orders", rejected["dag_run_id"], "score")
    _assert_people_were_told(told, rejected["dag_run_id"])
    assert {one["state"] for one in scores.values()} <= {"success", "skipped"}
    assert not by_api or scores[day]["try_number"] > 1

    # What another backfill would run again is what one asks for.
    for behavior, days in {"none": [], "failed": [REJECTED], "completed": PERIOD[:5]}.items():
        would = running.ask("POST", "backfills/dry_run", dag_id="orders", reprocess_behavior=behavior, **period)
        assert [day_less(one["logical_date"], lag) for one in would["backfills"]] == [str(day) for day in days]

    # Each event tells what was published; the tables are those of the plain job; each attempt has an end.
    events = running.ask("GET", "assets/events")["asset_events"]
    assert {event["extra"]["score_date"] for event in events} <= {str(one) for one in PERIOD if one != REJECTED}
    assert events
    for event in events:
        assert event["extra"]["outcome"] in ("published", "already_done")
        assert event["extra"]["rows"]["input"] == 40
        assert event["extra"]["table_version"] >= 1
    assert without_run(small.predictions()) == without_run(plain.predictions())
    for one in PERIOD:
        assert without_run(small.quarantine_current(one)) == without_run(plain.quarantine_current(one))
    ends = [entry.state for entry in small.ledger.latest()]
    assert set(ends) <= {"published", "already_done", "superseded", "rejected", "failed", "started", "staged"}
    subprocess.run([LAKESCORE, "repair", "orders"], cwd=small.root, check=True, capture_output=True)
    assert {entry.state for entry in small.ledger.latest()} <= {"published", "superseded", "rejected", "failed"}


def _assert_people_were_told(told: Told, run: str) -> None:
    """Of the rejected slice: once by each way, with what a gate found and what to do."""
    posted = [request.body for request in told.posted if request.body["dag_run"] == run]
    assert [body["pipeline"] for body in posted] == ["orders"]
    assert "limit:quarantined_share" in posted[0]["text"]
    bodies = {body.get_content(): mail for mail in told.mails if (body := mail.get_body())}
    ((body, mail),) = [(body, mail) for body, mail in bodies.items() if run in body]
    assert (mail["To"], mail["Subject"]) == ("on-call@example.com", "Lakescore: orders: score failed")
    assert "limit:quarantined_share" in body


def test_no_secret_is_where_others_see_it(here: tuple[Airflow, SmallProject]) -> None:
    running, _ = here
    password = yaml.safe_load((running.home / "passwords.json").read_text())["admin"]
    assert (running.home / "passwords.json").stat().st_mode & 0o077 == 0
    assert (running.home / "environment.sh").stat().st_mode & 0o077 == 0
    fields = [one["rendered_fields"] for task in ("plan", "score") for one in running.tasks("orders", task)]
    assert fields
    assert password not in str(fields)
    for log in (running.home / "logs").rglob("*.log"):
        assert password not in log.read_text(errors="replace"), log
