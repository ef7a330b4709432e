"""Environment variables in configuration: what replaces `${VAR}` and `${VAR:-default}`."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.config import load_project
from pipelines.errors import ConfigurationError
from unit.conftest import VARIABLES


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "LAKESCORE_CONF", "LAKESCORE_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)


def test_a_default_may_hold_a_variable(conf: Path) -> None:
    environment = load_project(conf).environment
    assert environment.warehouse == f"{conf.parent}/warehouse"
    assert environment.tracking_uri == f"sqlite:///{conf.parent}/warehouse/mlflow.db"


def test_a_variable_wins_over_its_default(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKESCORE_WAREHOUSE", "s3://bucket/wh")
    assert load_project(conf).environment.warehouse == "s3://bucket/wh"


def test_an_empty_variable_counts_as_not_set(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKESCORE_WAREHOUSE", "")
    assert load_project(conf).environment.warehouse == f"{conf.parent}/warehouse"


def test_a_missing_variable_is_told_by_file_key_and_way_out(conf: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_project(conf, "cluster")
    observed = str(caught.value)
    assert f"{conf / 'environments' / 'cluster.yaml'}: warehouse: " in observed
    assert "the environment variable LAKESCORE_WAREHOUSE is not set" in observed
    assert "expected: a value for LAKESCORE_WAREHOUSE" in observed
    assert "found: ${LAKESCORE_WAREHOUSE}" in observed
    assert "export LAKESCORE_WAREHOUSE=" in observed


@pytest.mark.timeout(3)  # a value that names itself must not be filled in for ever
@pytest.mark.parametrize("secret", ["sqlite:///pa${ss}word", "sqlite:///x${MLFLOW_TRACKING_URI}", "sqlite:///${A:-b}"])
def test_the_value_of_a_variable_is_taken_as_it_is(conf: Path, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", secret)
    assert load_project(conf).environment.tracking_uri == secret


def test_variables_are_filled_in_nested_values_and_lists(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMORY", "3g")
    file = conf / "environments" / "local.yaml"
    text = file.read_text(encoding="utf-8").replace("spark.driver.memory: 2g", "spark.driver.memory: ${MEMORY}")
    file.write_text(text, encoding="utf-8")
    assert load_project(conf).environment.spark["spark.driver.memory"] == "3g"


def test_the_folder_and_environment_come_from_variables_where_not_named(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKESCORE_CONF", str(conf))
    monkeypatch.setenv("LAKESCORE_ENVIRONMENT", "local")
    project = load_project()
    assert project.conf == conf
    assert project.environment_name == "local"
