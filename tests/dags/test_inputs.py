from __future__ import annotations

import asyncio
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from conftest import Configuration
from deltalake import write_deltalake

from dags.scoring.environment import project_and_pipeline
from dags.scoring.inputs import SliceTrigger, WaitForInput, has_rows, watched

DAY, OTHER = dt.date(2013, 7, 1), dt.date(2013, 7, 2)


def land(folder: Path, *days: dt.date, partitioned: bool = True) -> str:
    table = pa.table({"flight_date": pa.array(days, pa.date32()), "flight": pa.array(range(len(days)))})
    write_deltalake(str(folder), table, mode="append", partition_by=["flight_date"] if partitioned else None)
    return str(folder)


def event_of(table: str, seconds: float = 60, look_every: float = 0.05) -> dict[str, Any]:
    until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    kind, settings = SliceTrigger(
        table, "flight_date", DAY.isoformat(), "UTC", look_every, until.isoformat()
    ).serialize()
    assert kind == "dags.scoring.inputs.SliceTrigger"

    async def first() -> Any:
        return await anext(SliceTrigger(**settings).run())

    payload: dict[str, Any] = asyncio.run(asyncio.wait_for(first(), 30)).payload
    return payload


@pytest.mark.parametrize("partitioned", [True, False])
def test_a_day_is_there_once_a_row_of_it_is(tmp_path: Path, partitioned: bool) -> None:
    table = str(tmp_path / "flights")
    assert not has_rows(table, "flight_date", DAY, "UTC")  # not even a table
    land(Path(table), OTHER, partitioned=partitioned)
    assert not has_rows(table, "flight_date", DAY, "UTC")
    land(Path(table), DAY, partitioned=partitioned)
    assert has_rows(table, "flight_date", DAY, "UTC")


@pytest.mark.parametrize("partitioned", [True, False])
def test_a_day_is_seen_by_the_log_of_a_table_that_delta_rs_does_not_read(tmp_path: Path, partitioned: bool) -> None:
    table = land(tmp_path / "flights", OTHER, partitioned=partitioned)
    log = tmp_path / "flights/_delta_log" / f"{0:020d}.json"
    features = {"readerFeatures": ["typeWidening"], "writerFeatures": ["typeWidening"]}
    protocol = {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}}
    actions = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    told = [protocol if "protocol" in action else action for action in actions]
    log.write_text("\n".join(map(json.dumps, told)), encoding="utf-8")
    assert not has_rows(table, "flight_date", DAY, "UTC")
    assert has_rows(table, "flight_date", OTHER, "UTC")


def test_times_are_waited_for_on_the_day_that_they_have_in_the_zone(tmp_path: Path) -> None:
    evening = dt.datetime(2013, 7, 2, 3, 30, tzinfo=dt.UTC)  # July 1, 23:30 in New York
    write_deltalake(str(tmp_path), pa.table({"at": pa.array([evening], pa.timestamp("us", tz="UTC"))}))
    found = [has_rows(str(tmp_path), "at", day, zone) for zone in ("America/New_York", "UTC") for day in (DAY, OTHER)]
    assert found == [True, False, False, True]


def test_the_trigger_ends_when_the_rows_come(tmp_path: Path) -> None:
    table = land(tmp_path / "flights", OTHER)

    async def landed_while_waiting() -> Any:
        until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60)
        trigger = SliceTrigger(table, "flight_date", DAY.isoformat(), "UTC", 0.05, until.isoformat())
        waiting = asyncio.ensure_future(anext(trigger.run()))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await asyncio.to_thread(land, tmp_path / "flights", DAY)
        return await asyncio.wait_for(waiting, 30)

    assert asyncio.run(landed_while_waiting()).payload == {"end": "found"}


def test_the_trigger_gives_up_in_time(tmp_path: Path) -> None:
    assert event_of(land(tmp_path / "flights", OTHER), seconds=0.2) == {"end": "too late"}


def test_a_table_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    table = Path(land(tmp_path / "flights", OTHER))
    (table / "_delta_log" / f"{0:020}.json").write_text("nonsense")
    event = event_of(str(table))
    assert event["end"] == "error"
    assert event["error"]


def waiting(name: str = "good", asked: str = "") -> WaitForInput:
    return WaitForInput(
        task_id="wait",
        pipeline=name,
        score_date=DAY.isoformat(),
        asked=asked,
        wait=dt.timedelta(hours=2),
        look_every=dt.timedelta(seconds=5),
    )


def test_the_task_is_done_when_the_rows_are_there_and_defers_else(
    conf: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKESCORE_INPUTS", str(tmp_path))
    with pytest.raises(TaskDeferred) as deferred:
        waiting().execute({})
    assert deferred.value.trigger.table == str(tmp_path / "flights")
    land(tmp_path / "flights", DAY)
    waiting().execute({})


def test_what_was_waited_for_is_told_when_it_does_not_come(conf: Configuration) -> None:
    with pytest.raises(AirflowFailException) as error:
        waiting().looked({}, {"end": "too late"})
    told = str(error.value)
    assert "the input of the slice 2013-07-01 of 'good' did not come" in told
    assert "rows with flight_date = 2013-07-01 in" in told
    assert "within 2:00:00" in told
    assert "lakescore score good --date 2013-07-01" in told


def test_a_day_without_rows_goes_on_where_it_may_be_an_empty_slice(conf: Configuration) -> None:
    conf.pipeline("sparse", empty="accept")
    waiting("sparse").looked({}, {"end": "too late"})
    with pytest.raises(RuntimeError, match="cannot be read"):
        waiting("sparse").looked({}, {"end": "error", "error": "no answer"})


def test_a_slice_that_only_spark_finds_is_not_waited_for(conf: Configuration) -> None:
    flights = {"path": "flights", "slice": {"where": "flight_date = :score_date"}}
    conf.pipeline("by_condition", source={"tables": {"flights": flights}})
    assert watched(*project_and_pipeline("by_condition")) is None
    waiting("by_condition").execute({})


def test_a_day_off_is_skipped_unless_a_person_asks_for_it(
    conf: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKESCORE_INPUTS", str(tmp_path))
    land(tmp_path / "flights", DAY)
    conf.pipeline("on_tuesdays", days=["tuesday"])
    with pytest.raises(AirflowSkipException, match="'on_tuesdays' has no slice of Monday, 2013-07-01"):
        waiting("on_tuesdays").execute({})
    waiting("on_tuesdays", asked=DAY.isoformat()).execute({})
