"""The columns of JSON lines, by how their files begin: JSON has no header that names them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pipelines.errors import SourceError
from pipelines.inputs.header import Beginning, decoded


def json_columns(name: str, files: Sequence[Beginning], encoding: str) -> dict[str, str]:
    """The SQL types of the columns that the first lines hold: what is a number or a truth value there, else text.

    Args:
        name: the source's.
        files: how some files begin.
        encoding: of all of them.

    Raises:
        SourceError: no line is a JSON object.
    """
    kinds: dict[str, set[str]] = {}
    for item in [item for file in files for item in _objects(decoded(file, encoding, name))]:
        for column, value in item.items():
            kinds.setdefault(column, set()).update(_kind(value))
    if not kinds:
        raise SourceError(
            f"source '{name}': its files are no JSON lines",
            expected="a JSON object in each line",
            found="none among the first lines",
            remedy="say what it is by --format",
        )
    return {column: _common(found) for column, found in kinds.items()}


def _objects(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            item = json.loads(line)
        except ValueError:
            continue
        if isinstance(item, dict):
            yield item


def _kind(value: Any) -> set[str]:
    match value:
        case None:
            return set()
        case bool():
            return {"boolean"}
        case int() if -(2**63) <= value < 2**63:
            return {"bigint"}
        case float():
            return {"double"}
    return {"string"}


def _common(kinds: set[str]) -> str:
    """One type for all values of a column.

    >>> _common({"bigint", "double"}), _common({"bigint", "string"}), _common(set()), _common({"boolean"})
    ('double', 'string', 'string', 'boolean')
    """
    if len(kinds) == 1:
        return next(iter(kinds))
    return "double" if kinds == {"bigint", "double"} else "string"
