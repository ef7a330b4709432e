"""What a wrong configuration is told: the file, the key, what was expected and what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipelines.config import Project, load_pipeline, load_project, pipeline_names, sql_text, suite_path
from pipelines.errors import ConfigurationError, UsageError
from unit.samples import change_text, change_yaml

NAME = "flight_delays"


def pipeline_file(project: Project) -> Path:
    return project.conf / "pipelines" / f"{NAME}.yaml"


def refusal(project: Project) -> str:
    """What loading the changed pipeline says."""
    with pytest.raises(ConfigurationError) as caught:
        load_pipeline(project, NAME)
    return str(caught.value)


def test_the_projects_own_configuration_is_right(project: Project) -> None:
    pipeline = load_pipeline(project, NAME)
    assert pipeline.main_source == "flights"
    assert pipeline.key == ("flight_date", "carrier", "flight", "origin")
    assert pipeline.outputs["probability"].of is True
    assert pipeline.timezone == "America/New_York"
    assert "FROM flights" in (sql_text(project, pipeline) or "")
    assert suite_path(project, pipeline) == project.conf / "expectations" / "flight_delays.json"
    assert pipeline_names(project) == [NAME]


def test_an_unknown_pipeline_is_told_the_nearest_name(project: Project) -> None:
    with pytest.raises(UsageError, match="there is no pipeline 'flight_delay'") as caught:
        load_pipeline(project, "flight_delay")
    assert "did you mean 'flight_delays'?" in str(caught.value)
    assert str(project.conf / "pipelines" / "flight_delay.yaml") in str(caught.value)


@pytest.mark.parametrize("name", ["../environments/local", "", "/etc/passwd"])
def test_a_name_that_leads_elsewhere_is_no_pipeline(project: Project, name: str) -> None:
    with pytest.raises(UsageError, match="there is no pipeline"):
        load_pipeline(project, name)


def test_an_unknown_environment_is_told_the_known_ones(conf: Path) -> None:
    with pytest.raises(UsageError, match="there is no environment 'staging'") as caught:
        load_project(conf, "staging")
    assert "known: cluster, local" in str(caught.value)


def test_a_missing_configuration_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_project(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)
    assert "--conf" in str(caught.value)


@pytest.mark.parametrize("text", ["name: [a", "name: a\n\tkey: b", "a: b: c", "name: ${{ name }}", "{{ a }}: b"])
def test_malformed_yaml_is_a_configuration_error(project: Project, text: str) -> None:
    pipeline_file(project).write_text(text, encoding="utf-8")
    assert str(pipeline_file(project)) in refusal(project)


def test_malformed_yaml_names_the_line(project: Project) -> None:
    pipeline_file(project).write_text("name: a\nkey: [b\nmodel: c\n", encoding="utf-8")
    observed = refusal(project)
    assert f"{pipeline_file(project)}: not well-formed YAML" in observed
    assert "line 3" in observed


@pytest.mark.parametrize(("text", "expected"), [("", "NoneType"), ("- a", "list"), ("just text", "str")])
def test_a_file_without_keys_is_told_what_it_holds(project: Project, text: str, expected: str) -> None:
    pipeline_file(project).write_text(text, encoding="utf-8")
    observed = refusal(project)
    assert "expected keys and values" in observed
    assert f"found: {expected}" in observed


def test_a_file_that_is_no_text_is_a_configuration_error(project: Project) -> None:
    pipeline_file(project).write_bytes(b"name: \xff\xfe")
    assert "cannot be read" in refusal(project)


def test_a_key_that_stands_twice_is_refused(project: Project) -> None:
    change_text(pipeline_file(project), "timezone: America/New_York", "timezone: UTC\ntimezone: America/New_York")
    observed = refusal(project)
    assert "the key 'timezone' stands twice" in observed
    lines = pipeline_file(project).read_text(encoding="utf-8").splitlines()
    assert f"line {lines.index('timezone: America/New_York') + 1}" in observed


def test_a_nested_key_that_stands_twice_is_refused(project: Project) -> None:
    change_text(pipeline_file(project), "  alias: champion", "  alias: champion\n  alias: challenger")
    assert "the key 'alias' stands twice" in refusal(project)


SLICE = ["source", "tables", "flights", "slice"]
WRONG: list[tuple[list[str], Any, str]] = [
    (["modle"], {}, "modle: unknown key; did you mean 'model'?"),
    (["limits", "quarantined_shares"], 1, "limits.quarantined_shares: unknown key; did you mean 'quarantined_share'?"),
    (["outputs", "probability", "reslt"], 1, "outputs.probability.reslt: unknown key; did you mean 'result'?"),
    ([*SLICE, "colunm"], "x", "source.tables.flights.slice.colunm: unknown key; did you mean 'column'?"),
    (
        ["source", "tables", "path"],
        {"path": "a", "formt": "csv"},
        "source.tables.path.formt: unknown key; did you mean",
    ),
    (["limits", "quarantined_share"], "many", "limits.quarantined_share: input should be a valid number"),
    (
        ["limits", "quarantined_share"],
        1.5,
        "limits.quarantined_share: input should be less than or equal to 1; found: 1.5",
    ),
    (["key"], [], "key: "),
    (["key"], ["carrier", "carrier"], "key: a key column is named twice"),
    (["key"], ["Order Number"], "key: no column of a Delta table can have the name 'Order Number'"),
    (["key_from"], {"order": "Order"}, "(top): 'key_from' names order, which 'key' does not"),
    (["model"], {"name": "m"}, "model: a model is named by either 'alias' or 'version'"),
    (["model"], {"name": "m", "alias": "a", "version": 1}, "model: a model is named by either 'alias' or 'version'"),
    (["model", "version"], 0, "model.version: input should be greater than or equal to 1; found: 0"),
    (["timezone"], "New York", "timezone: not a time zone of the IANA database"),
    (["outputs", "probability", "type"], "decimal", "outputs.probability.type: string should match pattern"),
    (["outputs", "probability", "result"], "label", "outputs.probability: 'of' names the class"),
    (["outputs", "probability", "result"], "probabilities", "outputs.probability: 'of' names the class"),
    (["outputs", "prediction", "column"], "p", "outputs.prediction: 'column' is the number of an output"),
    (["outputs", "bad name"], {"type": "int"}, "outputs.bad name"),
    (["outputs"], {}, "outputs: "),
    (["features"], {"function": "no_colon"}, "features.function: string should match pattern"),
    (["output"], {"predictions": {}}, "output.predictions: an output table is either a 'path' or a 'table'"),
    (["source", "query"], None, "source: several tables need a 'query' that joins them"),
    (["source", "tables", "weather"], {}, "source.tables.weather: a source is either a 'path' or a 'table'"),
    (
        SLICE[:-1],
        {"path": "flights"},
        "source: the first table, 'flights', holds the rows to be scored: it needs a 'slice'",
    ),
    ([*SLICE, "where"], "x", "source.tables.flights.slice: a slice is selected by either"),
    (["source", "tables", "weather", "other_columns"], "warn", "source.tables.weather.other_columns: input should be"),
    (["policy"], {"row": {}}, "policy.row: unknown key; did you mean 'rows'?"),
    (["policy"], {"rows": {"critical": "stop"}}, "policy.rows.critical: input should be 'reject', 'quarantine' or"),
    (["policy"], {"batch": {"info": "quarantine"}}, "policy.batch.info: input should be 'reject' or 'warn'"),
    (["policy"], {"checks": {"x": "stop"}}, "policy.checks.x: input should be 'reject', 'quarantine' or 'warn'"),
    (["limits", "rules"], {"x": {"share": 2}}, "limits.rules.x.share: input should be less than or equal to 1"),
    (["limits", "rules"], {"x": {"row": 2}}, "limits.rules.x.row: unknown key; did you mean 'rows'?"),
    (["history"], {"x": {"of": "rows"}}, "history.x.within: this key is required and missing"),
    (["history"], {"x": {"of": "mean", "within": 1}}, "history.x.of: input should be 'rows' or 'null_share'"),
    (["history"], {"a b": {"of": "rows", "within": 1}}, "history.a b"),
    (["history"], {"x": {"of": "null_share", "within": 1}}, "history.x: 'column' goes with 'null_share', and only"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "expected"), WRONG, ids=[".".join(path) for path, _, _ in WRONG])
def test_a_wrong_value_is_told_by_file_and_key(project: Project, path: list[str], value: Any, expected: str) -> None:
    def change(content: dict[str, Any]) -> None:
        for part in path[:-1]:
            content = content[part]
        content[path[-1]] = value

    change_yaml(pipeline_file(project), change)
    assert f"{pipeline_file(project)}: {expected}" in refusal(project)


@pytest.mark.parametrize("key", ["name", "source", "key", "features", "model", "outputs"])
def test_a_missing_key_is_named(project: Project, key: str) -> None:
    change_yaml(pipeline_file(project), lambda content: content.pop(key))
    assert f"{pipeline_file(project)}: {key}: this key is required and missing" in refusal(project)


def test_all_that_is_wrong_is_told_at_once(project: Project) -> None:
    def change(content: dict[str, Any]) -> None:
        del content["model"]["name"]
        content["timezone"] = "Mars"
        content["colour"] = "red"

    change_yaml(pipeline_file(project), change)
    observed = refusal(project)
    assert "model.name: this key is required" in observed
    assert "found: 'Mars'" in observed
    assert "colour: unknown key" in observed


@pytest.mark.parametrize("name", ["score_date", "model_name", "model_version", "run_id", "scored_at", "carrier"])
def test_an_output_does_not_stand_twice_in_the_predictions(project: Project, name: str) -> None:
    change_yaml(
        pipeline_file(project), lambda content: content["outputs"].update({name: {"type": "int", "result": "label"}})
    )
    assert f"these columns would stand twice in the tables: {name}" in refusal(project)


@pytest.mark.parametrize("name", ["Run_ID", "Carrier"])
def test_an_output_that_differs_by_case_only_stands_twice_too(project: Project, name: str) -> None:
    change_yaml(
        pipeline_file(project), lambda content: content["outputs"].update({name: {"type": "int", "result": "label"}})
    )
    assert "would stand twice" in refusal(project)


@pytest.mark.parametrize("name", ["run_id", "reasons", "row", "quarantined_at"])
def test_a_key_column_does_not_stand_twice_in_a_table(project: Project, name: str) -> None:
    change_yaml(pipeline_file(project), lambda content: content["key"].append(name))
    assert "would stand twice" in refusal(project)


@pytest.mark.parametrize("name", ["reasons", "row", "mask_0"])
def test_an_output_does_not_stand_twice_in_the_stage(project: Project, name: str) -> None:
    change_yaml(
        pipeline_file(project), lambda content: content["outputs"].update({name: {"type": "int", "result": "label"}})
    )
    assert "would stand twice" in refusal(project)


def test_a_pipeline_is_named_as_its_file(project: Project) -> None:
    change_yaml(pipeline_file(project), lambda content: content.update(name="delays"))
    observed = refusal(project)
    assert "expected: name: flight_delays" in observed
    assert "found: name: delays" in observed


def test_a_missing_suite_is_told_the_nearest_file(project: Project) -> None:
    change_yaml(pipeline_file(project), lambda content: content.update(expectations="flight_delay.json"))
    pipeline = load_pipeline(project, NAME)
    with pytest.raises(ConfigurationError, match="expectations: no such file") as caught:
        suite_path(project, pipeline)
    assert "did you mean 'flight_delays.json'?" in str(caught.value)


def test_a_missing_query_is_named(project: Project) -> None:
    change_yaml(pipeline_file(project), lambda content: content["source"].update(query="joins.sql"))
    pipeline = load_pipeline(project, NAME)
    with pytest.raises(ConfigurationError, match=r"pipeline 'flight_delays', source\.query") as caught:
        sql_text(project, pipeline)
    assert str(project.conf / "pipelines" / "joins.sql") in str(caught.value)


def test_a_pipeline_without_suite_or_query_has_none(project: Project) -> None:
    def change(content: dict[str, Any]) -> None:
        del content["expectations"], content["source"]["query"]
        content["source"]["tables"] = {"flights": content["source"]["tables"]["flights"]}

    change_yaml(pipeline_file(project), change)
    pipeline = load_pipeline(project, NAME)
    assert suite_path(project, pipeline) is None
    assert sql_text(project, pipeline) is None


def test_configuration_is_frozen(project: Project) -> None:
    pipeline = load_pipeline(project, NAME)
    with pytest.raises(ValidationError, match="frozen"):
        pipeline.timezone = "UTC"
    with pytest.raises(ValidationError, match="frozen"):
        pipeline.model.alias = "challenger"


def test_outputs_that_would_evaluate_the_model_twice_are_refused(project: Project) -> None:
    change_yaml(pipeline_file(project), lambda content: content["outputs"].update(raw={"type": "double"}))
    assert "outputs: 'predict' beside 'label' or 'probability' would evaluate the model twice" in refusal(project)
