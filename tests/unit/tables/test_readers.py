from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from pipelines.config import Reader
from pipelines.errors import TableError
from pipelines.tables.readers import DEFAULTS, demanded, demanded_by, require_readable_defaults, unread
from pipelines.tables.retention import days_kept, days_of

ALL: tuple[Reader, ...] = ("spark", "delta-rs", "polars", "duckdb")


def test_a_plain_table_demands_nothing(tmp_path: Path) -> None:
    write_deltalake(tmp_path, pa.table({"a": [1]}))
    assert demanded(str(tmp_path)) == frozenset()


@pytest.mark.parametrize(
    ("setting", "value", "feature"),
    [
        ("enableDeletionVectors", "true", "deletionVectors"),
        ("columnMapping.mode", "name", "columnMapping"),
        ("checkpointPolicy", "v2", "v2Checkpoint"),
        ("feature.rowTracking", "supported", "rowTracking"),
    ],
)
def test_settings_that_give_new_tables_a_feature_are_refused(setting: str, value: str, feature: str) -> None:
    settings = {DEFAULTS + setting: value, "spark.master": "local"}
    assert demanded_by(settings) == {feature: f"{DEFAULTS}{setting}={value}"}
    with pytest.raises(TableError) as error:
        require_readable_defaults(settings, ALL)
    assert f"{setting}={value}" in str(error.value)
    assert f"delta-rs does not know {feature}" in str(error.value)
    require_readable_defaults(settings, ["spark"])


@pytest.mark.parametrize(
    ("setting", "value"),
    [("enableDeletionVectors", "false"), ("columnMapping.mode", "none"), ("appendOnly", "true")],
)
def test_settings_that_keep_tables_plain_are_taken(setting: str, value: str) -> None:
    require_readable_defaults({DEFAULTS + setting: value}, ALL)


def test_only_the_declared_readers_count() -> None:
    assert unread({"deletionVectors"}, ["spark", "duckdb"]) == {}
    assert unread({"deletionVectors", "timestampNtz"}, ["polars"]) == {"polars": ["deletionVectors"]}


@pytest.mark.parametrize(
    ("interval", "days"),
    [("interval 1 week", 7), ("interval 36 hours", 1.5), ("30 days", 30), ("INTERVAL 1 WEEK 1 DAY", 8)],
)
def test_intervals_as_delta_writes_them(interval: str, days: float) -> None:
    assert days_of(interval) == days


def test_what_a_table_keeps_is_its_properties_else_deltas_defaults(tmp_path: Path) -> None:
    kept = {"delta.deletedFileRetentionDuration": "interval 12 hours"}
    write_deltalake(tmp_path, pa.table({"a": [1]}), configuration=kept)
    assert days_kept(str(tmp_path)) == {
        "delta.deletedFileRetentionDuration": 0.5,
        "delta.logRetentionDuration": 30.0,
    }
