"""The ledger keeps every change of state, and says each run's last."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable

from pipelines.errors import TableError
from pipelines.tables.ledger import Entry, Ledger
from unit.samples import DAY_1, DAY_2


def entry(run_id: str, state: str = "started", **said: object) -> Entry:
    values = {"pipeline": "churn", "score_date": DAY_1, "model_name": "m", **said}
    return Entry(run_id=run_id, state=state, **values)  # type: ignore[arg-type]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(str(tmp_path / "ops" / "runs"))
    made.create()
    return made


def test_a_new_ledger_is_empty_and_made_once(ledger: Ledger) -> None:
    assert ledger.history() == []
    assert ledger.latest() == []
    ledger.append(entry("a"))
    ledger.create()
    assert len(ledger.history()) == 1


def test_entries_come_back_as_they_were_written(ledger: Ledger) -> None:
    written = entry(
        "a", "published", model_version=3, run_key="k", fence=2**42, manifest='{"a": 1}', rows_input=5, rows_scored=4,
        rows_quarantined=1, verdict="[]", timings="{}", accepted="{}", error="none",
    )  # fmt: skip
    before = dt.datetime.now(dt.UTC)
    ledger.append(written)
    (observed,) = ledger.history()
    assert replace(observed, at=None) == written
    assert observed.at is not None
    assert before <= observed.at <= dt.datetime.now(dt.UTC)
    assert observed.value("manifest") == {"a": 1}
    assert entry("b").value("manifest") is None


def test_several_entries_are_one_commit_in_their_order(ledger: Ledger) -> None:
    before = DeltaTable(ledger.location).version()
    ledger.append(entry("a"), entry("b"), entry("a", "failed"))
    assert DeltaTable(ledger.location).version() == before + 1
    assert [(item.run_id, item.state) for item in ledger.history()] == [
        ("a", "started"),
        ("b", "started"),
        ("a", "failed"),
    ]


def test_the_latest_entry_is_completed_by_what_the_run_said_before(ledger: Ledger) -> None:
    ledger.append(entry("a", manifest='{"x": 1}', fence=7, model_version=1))
    ledger.append(entry("a", "published", rows_input=5, fence=8))
    (observed,) = ledger.latest()
    assert (observed.state, observed.manifest, observed.fence, observed.rows_input) == ("published", '{"x": 1}', 8, 5)
    assert observed.model_version == 1


def test_the_latest_come_in_the_order_of_their_last_change(ledger: Ledger) -> None:
    ledger.append(entry("a"))
    ledger.append(entry("b"))
    ledger.append(entry("a", "published"))
    assert [item.run_id for item in ledger.latest()] == ["b", "a"]


def test_history_is_narrowed_by_pipeline_date_and_run(ledger: Ledger) -> None:
    ledger.append(entry("a"), entry("b", score_date=DAY_2), entry("c", pipeline="other"))
    assert [item.run_id for item in ledger.history(pipeline="churn")] == ["a", "b"]
    assert [item.run_id for item in ledger.history(score_date=DAY_1)] == ["a", "c"]
    assert [item.run_id for item in ledger.history(pipeline="churn", score_date=DAY_2)] == ["b"]
    assert [item.run_id for item in ledger.latest(run_id="c")] == ["c"]


def test_the_ledger_is_read_by_every_reader(ledger: Ledger) -> None:
    protocol = DeltaTable(ledger.location).protocol()
    assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)


def test_a_missing_ledger_says_how_to_make_it(tmp_path: Path) -> None:
    missing = Ledger(str(tmp_path / "runs"))
    for use in (missing.history, missing.latest, lambda: missing.append(entry("a"))):
        with pytest.raises(TableError, match="there is no ledger at") as caught:
            use()
        assert "lakescore tables create" in str(caught.value)
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def below_a_file(tmp_path: Path) -> Ledger:
    (tmp_path / "warehouse").write_text("a regular file", encoding="utf-8")
    return Ledger(str(tmp_path / "warehouse" / "ops" / "runs"))


def test_a_place_that_cannot_be_written_is_a_table_error(below_a_file: Ledger) -> None:
    with pytest.raises(TableError, match="cannot be written") as caught:
        below_a_file.create()
    assert below_a_file.location in str(caught.value)


def test_reading_below_a_regular_file_is_a_table_error(below_a_file: Ledger) -> None:
    with pytest.raises(TableError):
        below_a_file.history()
    with pytest.raises(TableError):
        below_a_file.append(entry("a"))
