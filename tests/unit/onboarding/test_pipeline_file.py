"""The YAML of a proposed pipeline reads back as what was proposed, whatever columns and inputs are called."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.config import Project, Source, load_pipeline, load_project
from pipelines.config.models import Model
from pipelines.onboarding.feature_proposal import FeatureProposal
from pipelines.onboarding.pipeline_file import pipeline_text
from pipelines.onboarding.source_proposal import DateProposal, key_proposal
from pipelines.onboarding.text_proposal import TextProposal

DAY = dt.date(2024, 3, 1)
MODEL = Model(name="m", version=1)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30) | st.sampled_from(
    [
        "null",
        "yes",
        "1",
        "1.5",
        "2024-01-01",
        "~",
        "a: b",
        "a #b",
        "# a",
        "- a",
        "? a",
        "{a}",
        "[a]",
        "&a",
        "*a",
        "<<",
        "=",
    ]
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("written")
    for name in ("pipelines", "environments"):
        (root / "conf" / name).mkdir(parents=True)
    roots = {"warehouse": "w", "inputs": "i", "tracking_uri": "t", "cache": "c"}
    (root / "conf/environments/local.yaml").write_text(yaml.safe_dump(roots))
    return load_project(root / "conf", "local")


def written(column: str, feature: str, personal: tuple[str, ...] = ()) -> str:
    """A pipeline in which the column and the feature stand wherever one may."""
    date = DateProposal(column, ("where", f"{column} = :score_date"), column, f"{column} holds it", DAY, DAY, 1, DAY)
    key = replace(key_proposal((column,), 1, 1, [column, "probability"]), evidence=f"{column} is unique")
    features = (FeatureProposal(feature, column, f"named like {feature}"), FeatureProposal("other one", "x", ""))
    outputs = {"probability": {"result": "probability", "type": "double", "of": column}}
    source = TextProposal(Source(path=column, format="csv", columns={column: "string"}), "", f"{column} is text")
    return pipeline_text("p", source, date, key, features, MODEL, outputs, personal)


@settings(deadline=None)
@given(NAMES, NAMES)
@example("x" * 2000, "y" * 2000)
@example("x" * 200, "a long name of an input, " * 8)
@example("two\nlines", "carriage\r\nreturn")
@example("line\u2028separator", "next\x85line")
@example("${HOME}", "${HOME:-x} and ${b}")
@example("tab\tand\x00null", "\ufeffmark")
def test_a_pipeline_is_read_as_it_was_proposed(project: Project, column: str, feature: str) -> None:
    text = written(column, feature, personal=(column,))
    file = project.conf / "pipelines/p.yaml"
    file.write_bytes(text.encode())
    pipeline = load_pipeline(project, "p")
    source = pipeline.source.tables["p_input"]
    assert (source.path, source.slice and source.slice.where) == (column, f"{column} = :score_date")
    (name,) = pipeline.key
    assert pipeline.key_from == ({} if name == column else {name: column})
    assert pipeline.personal == ((column,) if name == column else (column, name))
    assert pipeline.features == {feature: column, "other one": "x"} | ({feature: "x"} if feature == "other one" else {})
    assert pipeline.outputs["probability"].of == column
    plainly = yaml.safe_load(text)
    assert next(iter(plainly["features"])) == feature
    if "${" not in column:
        assert (plainly["key"], plainly["features"][feature]) == ([name], column)


def test_plain_names_stand_without_quotes_and_with_their_evidence() -> None:
    lines = written("day", "wind").splitlines()
    assert "key: [day]  # day is unique" in lines
    assert "  wind: day  # named like wind" in lines
    assert "  other one: x" in lines


def test_a_key_that_is_named_like_personal_data_is_said_to_be() -> None:
    lines = written("email", "x", personal=("email",)).splitlines()
    assert (
        "key: [email]  # email is unique. Named like personal data: email; key values are stored and shown as they are"
        in lines
    )
    assert (
        "personal: [email]  # named like personal data: masked wherever values are shown, except as the key of a row"
        in lines
    )


def test_without_such_a_key_nothing_is_said_of_it(tmp_path: Path) -> None:
    assert "key: [id]  # id is unique" in written("id", "x", personal=("email",)).splitlines()
    assert (
        "personal: [email]  # named like personal data: masked wherever values are shown"
        in written("id", "x", personal=("email",)).splitlines()
    )
    assert "none is named like personal data" in written("id", "x")
