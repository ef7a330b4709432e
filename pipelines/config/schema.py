"""JSON Schema of the configuration, for editors that complete and check YAML."""

from __future__ import annotations

import json
from pathlib import Path

from pipelines.config.models import Environment, Pipeline
from pipelines.config.typed import Typed

SCHEMAS: dict[str, type[Typed]] = {"pipeline": Pipeline, "environment": Environment}


def schema_text(kind: type[Typed]) -> str:
    """The JSON Schema of one kind of configuration, as it stands in `conf/schema`."""
    return json.dumps(kind.model_json_schema(), indent=2, sort_keys=True) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Write all schemas into the folder, and return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, kind in SCHEMAS.items():
        file = folder / f"{name}.schema.json"
        file.write_text(schema_text(kind), encoding="utf-8")
        files.append(file)
    return files
