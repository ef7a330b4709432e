"""What a table's columns mean by one version's metadata: which names the log and the files have for them, which types.

Source: the Delta transaction log protocol, github.com/delta-io/delta, PROTOCOL.md, "Column Mapping".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MODE = "delta.columnMapping.mode"
_PHYSICAL = "delta.columnMapping.physicalName"


@dataclass(frozen=True)
class Columns:
    """The columns of one version.

    Args:
        physical: by name, what the column is called in partition values, statistics and files.
        types: by name, the column's type as text, nested fields with both of their names.
        is_mapped: whether the two names may differ.
    """

    physical: Mapping[str, str]
    types: Mapping[str, str]
    is_mapped: bool

    @classmethod
    def of(cls, schema: str, configuration: Mapping[str, Any]) -> Columns:
        """Read them from a table's schema, as JSON, and its properties."""
        is_mapped = configuration.get(MODE, "none") != "none"
        fields = json.loads(schema)["fields"]
        return cls(
            {field["name"]: _physical(field, is_mapped=is_mapped) for field in fields},
            {field["name"]: json.dumps(_type(field["type"], is_mapped=is_mapped)) for field in fields},
            is_mapped,
        )

    def physical_name(self, name: str) -> str:
        """What the column is called in the log; a name that no column has stays as it is."""
        return self.physical.get(name, name)

    def is_local_time(self, name: str) -> bool:
        """Whether the column holds times without a zone."""
        return self.types.get(name) == '"timestamp_ntz"'

    def differ_from(self, earlier: Columns) -> bool:
        """Whether a name means another column than it did, or the same one of another type.

        >>> def columns(**names): return Columns(names, dict.fromkeys(names, "date"), is_mapped=True)
        >>> columns(d="col-2", load_date="col-1").differ_from(columns(d="col-1", event_date="col-2"))
        True
        >>> columns(d="col-1", added="col-3").differ_from(columns(d="col-1", dropped="col-2"))
        False
        """
        return any(
            (self.physical[name], self.types[name]) != (earlier.physical[name], earlier.types[name])
            for name in self.physical.keys() & earlier.physical.keys()
        )

    def mapped_as(self, earlier: Columns) -> Columns:
        """These columns with the physical names from before the mapping was taken off: that renames no column.

        Args:
            earlier: the columns before that.
        """
        return Columns(
            {name: earlier.physical_name(physical) for name, physical in self.physical.items()},
            {name: earlier.types.get(physical, self.types[name]) for name, physical in self.physical.items()},
            is_mapped=True,
        )

    def as_lines(self) -> list[str]:
        """One line a column, in the order of their names; for a digest."""
        return [f"{name}={self.physical[name]} {self.types[name]}" for name in sorted(self.physical)]


def _physical(field: Mapping[str, Any], *, is_mapped: bool) -> str:
    found = field.get("metadata", {}).get(_PHYSICAL) if is_mapped else None
    return str(field["name"] if found is None else found)


def _type(kind: str | Mapping[str, Any], *, is_mapped: bool) -> Any:
    """A type without what rows do not depend on: comments, ids, and whether nulls are allowed."""
    if isinstance(kind, str):
        return kind
    if kind["type"] == "struct":
        return [
            [field["name"], _physical(field, is_mapped=is_mapped), _type(field["type"], is_mapped=is_mapped)]
            for field in kind["fields"]
        ]
    parts = ("elementType",) if kind["type"] == "array" else ("keyType", "valueType")
    return {part: _type(kind[part], is_mapped=is_mapped) for part in parts if part in kind}
