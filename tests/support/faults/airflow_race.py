"""A race in a whole Airflow: schedule, backfill and spark-submit meet on the same slices, and a task is killed."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

import pytest
import yaml

from support.faults.airflow_here import Airflow, airflow, midnight, postgresql, processes_with, until
from support.faults.random_kills import LAKESCORE, begun
from support.faults.receivers import Request, mail_receiver, web_receiver
from support.small_project import DAY, DAYS, ROWS, SmallProject, copy_of, orders_of, without_run

LONG = 900
LEAST_DAYS = 3
"""One that the backfill makes, and two that the schedule does."""


@dataclass
class Told:
    """What reached people: the requests to the web hook, and the mails."""

    posted: list[Request] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)


@dataclass(frozen=True)
class Race:
    """An Airflow whose one pipeline is due in two minutes and a half, and what a race in it is held against.

    Args:
        running: Airflow.
        small: the project that it scores, of as many days as the race has, the last of them scheduled.
        plain: the same, as one backfill without Airflow leaves it.
        period: the days.
        rejected: the one that a gate rejects.
        told: what reaches people.
        by_api: whether the backfill is asked for by Airflow's API, and the task killed by it; else by its command line
            and SIGKILL.
    """

    running: Airflow
    small: SmallProject
    plain: SmallProject
    period: list[dt.date]
    rejected: dt.date
    told: Told
    by_api: bool


@contextmanager
def race_in(folder: Path, empty: SmallProject, days: int, *, by_postgresql: bool) -> Iterator[Race]:
    """All that a race needs, in a folder: receivers of notices, days of orders, a database and Airflow."""
    period = [DAY + dt.timedelta(days=number) for number in range(days)]
    rejected = period[1]
    small = copy_of(empty, folder / "raced")
    for day in period[len(DAYS) :]:
        small.land(orders_of(day))
    small.mend({number: {"amount": -1.0} for number in range(ROWS)}, rejected)
    plain = copy_of(small, folder / "plain")
    command = [LAKESCORE, "backfill", "orders", "--from", str(period[0]), "--to", str(period[-1])]
    with (plain.root / "backfill.log").open("w+") as output:
        assert begun(plain, *command, output=output).wait(timeout=LONG) == 3
    told = Told()
    with (
        pytest.MonkeyPatch.context() as patch,
        web_receiver() as (web, told.posted),
        mail_receiver() as (
            mail,
            told.mails,
        ),
    ):
        patch.setenv("AIRFLOW_CONN_CHAT", f"http://127.0.0.1:{web}/http")
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "lakescore@example.com"}
        smtp = {"conn_type": "smtp", "host": "127.0.0.1", "port": mail, "extra": extra}
        patch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(smtp))
        _schedule(small, period[-1])
        variables = {"LAKESCORE_CONF": str(small.root / "conf"), "LAKESCORE_PYTHON": sys.executable}
        if not by_postgresql:
            with airflow(folder / "home", variables) as running:
                yield Race(running, small, plain, period, rejected, told, by_api=False)
            return
        with (
            postgresql() as address,
            airflow(folder / "home", {**variables, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address}) as running,
        ):
            yield Race(running, small, plain, period, rejected, told, by_api=True)


def _schedule(small: SmallProject, last: dt.date) -> None:
    """Make the pipeline due soon, for a last day; and put a broken one beside it."""
    due = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=150)
    schedule = {
        "schedule": f"{due.minute} {due.hour} * * *",
        "lag_days": (due.date() - last).days,
        "retries": 2,
        "retry_delay": "PT1S",
        "look_every": "PT1S",
        "on_failure": {"webhook": "chat", "email": ["on-call@example.com"]},
    }
    small.configure(airflow=schedule)
    broken = {**yaml.safe_load((small.root / "conf/pipelines/orders.yaml").read_text()), "name": "broken"}
    broken["airflow"] = {"schedule": "at dawn"}
    (small.root / "conf/pipelines/broken.yaml").write_text(yaml.safe_dump(broken))


def score_date_of(run: str, lag: dt.timedelta) -> str:
    """The day that a run is about: its own, such as `backfill__2026-11-20T03:16:00+00:00`, less the lag."""
    return day_less(run.split("__")[1], lag)


def day_less(moment: str, lag: dt.timedelta) -> str:
    """The day that a run of this moment, as Airflow writes it, is about."""
    return str(dt.date.fromisoformat(moment[:10]) - lag)


def run_race(race: Race) -> None:  # noqa: PLR0915 - one race, told from its start to its end
    """Run it, and hold everything that it leaves against what the plain job left."""
    running, small, plain, period = race.running, race.small, race.plain, race.period
    until(lambda: "orders" in running.dags(), 120, running.tail)

    # A broken YAML is its own import error, in its own words; the other pipeline is there.
    errors = until(lambda: running.ask("GET", "importErrors")["import_errors"], 60)
    assert [error["filename"] for error in errors] == ["broken.py"]
    assert "airflow.schedule: not a cron expression" in errors[0]["stack_trace"]
    assert "Traceback" not in errors[0]["stack_trace"]

    # The schedule, a backfill of five days, and spark-submit's backfill of all, at once.
    running.ask("PATCH", "dags/orders", is_paused=False)
    lag = dt.timedelta(days=small.pipeline.airflow.lag_days)
    first, end = period[0] + lag, period[-1] + lag  # the end's own run, later that day, is not part of it
    from_and_to = {"from_date": midnight(first), "to_date": midnight(end)}
    if race.by_api:
        running.ask("POST", "backfills", dag_id="orders", reprocess_behavior="none", max_active_runs=3, **from_and_to)
    else:
        period_options = ["--from-date", str(first), "--to-date", str(end), "--max-active-runs", "3"]
        period_options += ["--reprocess-behavior", "failed"]
        running.command("backfill", "create", "--dag-id", "orders", *period_options)
    submit = [str(Path(sys.executable).with_name("spark-submit")), "--master", "local[2]", "--driver-memory", "1g"]
    dates = ["--from", str(period[0]), "--to", str(period[-1]), "--parallel", "1"]
    program = str(Path(__file__).parents[3] / "jobs" / "backfill.py")
    with (small.root / "submitted.log").open("w") as output:
        submitted = begun(small, *submit, program, "orders", *dates, output=output)

    # In the middle of it, one task is killed; its driver goes with it.
    at_work = until(
        lambda: [
            one
            for one in running.tasks("orders", "score")
            if one["state"] == "running" and one["pid"] and score_date_of(one["dag_run_id"], lag) != str(race.rejected)
        ],
        300,
    )[0]
    day = score_date_of(at_work["dag_run_id"], lag)
    job = f"score.py orders --date {day}"
    until(lambda: processes_with(job), 60)
    if race.by_api:
        run = at_work["dag_run_id"]
        running.ask("PATCH", f"dags/orders/dagRuns/{run}/taskInstances/score", new_state="failed")
    else:
        os.kill(at_work["pid"], signal.SIGKILL)
    until(lambda: not [one for one in processes_with(job) if str(small.root) in one[1]], 60)

    states = running.await_runs("orders", len(period), LONG)
    if race.by_api:
        until(lambda: not processes_with(job), 30)
        again = {"dry_run": False, "task_ids": ["score"], "dag_run_id": run, "only_failed": True}
        running.ask("POST", "dags/orders/clearTaskInstances", **again)
        until(lambda: running.runs("orders")[run] != "failed", 60)
        states = running.await_runs("orders", len(period), LONG)
    assert submitted.wait(timeout=LONG) == 3, (small.root / "submitted.log").read_text()
    # The schedule made today's run, and on being switched on the last one before; the backfill made the others.
    kinds = sorted((score_date_of(name, lag), name.split("__")[0]) for name in states)
    assert [day for day, _ in kinds] == [str(one) for one in period]
    assert [kind for _, kind in kinds][:-2] == ["backfill"] * (len(period) - 2)
    assert kinds[-1][1] == "scheduled"

    # What a gate rejects is not tried again, and says why where people look.
    scores = {score_date_of(one["dag_run_id"], lag): one for one in running.tasks("orders", "score")}
    assert sorted(scores) == [str(one) for one in period]
    rejected = scores.pop(str(race.rejected))
    assert (rejected["state"], rejected["try_number"]) == ("failed", 1)
    assert "limit:quarantined_share" in rejected["note"]
    assert "lakescore runs show" in rejected["note"]
    assert "limit:quarantined_share" in running.log("orders", rejected["dag_run_id"], "score")
    _assert_people_were_told(race.told, rejected["dag_run_id"])
    assert {one["state"] for one in scores.values()} <= {"success", "skipped"}
    assert not race.by_api or scores[day]["try_number"] > 1

    # What another backfill would run again is what one asks for.
    for behavior, days in {"none": [], "failed": [race.rejected], "completed": period[:-1]}.items():
        would = running.ask("POST", "backfills/dry_run", dag_id="orders", reprocess_behavior=behavior, **from_and_to)
        assert [day_less(one["logical_date"], lag) for one in would["backfills"]] == [str(day) for day in days]

    # Each event tells what was published; the tables are those of the plain job; each attempt has an end.
    events = running.ask("GET", "assets/events")["asset_events"]
    assert {event["extra"]["score_date"] for event in events} <= {str(one) for one in period if one != race.rejected}
    assert events
    for event in events:
        assert event["extra"]["outcome"] in ("published", "already_done")
        assert event["extra"]["rows"]["input"] == 40
        assert event["extra"]["table_version"] >= 1
    assert without_run(small.predictions()) == without_run(plain.predictions())
    for one in period:
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


def assert_no_secret_is_seen(race: Race) -> None:
    """Passwords stand in files of their owner's only: in no rendered field, and in no log."""
    running = race.running
    password = yaml.safe_load((running.home / "passwords.json").read_text())["admin"]
    assert (running.home / "passwords.json").stat().st_mode & 0o077 == 0
    assert (running.home / "environment.sh").stat().st_mode & 0o077 == 0
    fields = [one["rendered_fields"] for task in ("plan", "score") for one in running.tasks("orders", task)]
    assert fields
    assert password not in str(fields)
    for log in (running.home / "logs").rglob("*.log"):
        assert password not in log.read_text(errors="replace"), log
