"""The JSON Schema that editors use is the one that the types give."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.config.schema import SCHEMAS, schema_text, write_schemas


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_schema_in_the_repository_is_up_to_date(conf: Path, name: str) -> None:
    observed = (conf / "schema" / f"{name}.schema.json").read_text(encoding="utf-8")
    assert observed == schema_text(SCHEMAS[name]), "run `lakescore schema`"


def test_the_schema_refuses_unknown_keys_and_explains_the_known(tmp_path: Path) -> None:
    files = write_schemas(tmp_path / "schema")
    assert [file.name for file in files] == ["pipeline.schema.json", "environment.schema.json"]
    observed = json.loads(files[0].read_text(encoding="utf-8"))
    assert observed["additionalProperties"] is False
    assert observed["properties"]["key"]["description"] == "The columns that identify a row within its slice."
    assert set(observed["required"]) == {"name", "source", "key", "features", "model", "outputs"}


@pytest.mark.parametrize("kind", ["pipelines", "environments"])
def test_every_configuration_file_names_its_schema(conf: Path, kind: str) -> None:
    for file in (conf / kind).glob("*.yaml"):
        first = file.read_text(encoding="utf-8").splitlines()[0]
        assert (file.parent / first.partition("$schema=")[2]).resolve().is_file()
