"""Gates on the columns of a batch: judged by its schema, without a look at the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyspark.sql import types as T

from pipelines.config.policy import Action
from pipelines.errors import did_you_mean
from pipelines.expressions.rules import Severity
from pipelines.validation.gates import Bounds, Finding


@dataclass(frozen=True)
class Columns:
    """The columns that must be there; with `exact` there may be no others."""

    names: tuple[str, ...]
    exact: bool = False

    def differences(self, schema: T.StructType) -> list[str]:
        found = all_names(schema)
        missing = [f"missing {name}" for name in self.names if name not in found]
        return missing + ([f"unexpected {name}" for name in found if name not in self.names] if self.exact else [])

    def expected(self) -> str:
        return f"columns {', '.join(self.names)}" + (" and no others" if self.exact else "")


@dataclass(frozen=True)
class ColumnAt:
    """A column that must stand at a place, counted from 0; from the end where that is negative."""

    name: str
    index: int

    def differences(self, schema: T.StructType) -> list[str]:
        found = all_names(schema)
        at = found[self.index] if -len(found) <= self.index < len(found) else "nothing"
        return [] if at == self.name else [f"{at} at {self.index}"]

    def expected(self) -> str:
        return f"{self.name} at {self.index}"


@dataclass(frozen=True)
class ColumnOrder:
    """All columns, in order."""

    names: tuple[str, ...]

    def differences(self, schema: T.StructType) -> list[str]:
        found = all_names(schema)
        return [] if tuple(found) == self.names else [f"the order {', '.join(found)}"]

    def expected(self) -> str:
        return ", ".join(self.names)


@dataclass(frozen=True)
class ColumnCount:
    """How many columns there are."""

    bounds: Bounds

    def differences(self, schema: T.StructType) -> list[str]:
        count = len(all_names(schema))
        return [] if self.bounds.hold(count) else [f"{count} columns"]

    def expected(self) -> str:
        return f"{self.bounds.expected()} columns"


@dataclass(frozen=True)
class TypeIs:
    """A column's type is one of Spark's, by the names of their classes."""

    column: str
    types: tuple[str, ...]

    def differences(self, schema: T.StructType) -> list[str]:
        found = next((field.dataType for name, field in _flat(schema) if name == self.column), None)
        known = tuple(spark_type(name) for name in self.types)
        return (
            []
            if isinstance(found, known)
            else [f"{self.column} is {'missing' if found is None else type(found).__name__}"]
        )

    def expected(self) -> str:
        return f"{self.column}: {' or '.join(self.types)}"


@dataclass(frozen=True)
class SchemaGate:
    """One check of a batch's columns."""

    id: str
    test: Columns | ColumnAt | ColumnOrder | ColumnCount | TypeIs
    severity: Severity
    action: Action

    def find(self, schema: T.StructType) -> Finding:
        """What the columns say."""
        differences = self.test.differences(schema)
        count = float(len(all_names(schema))) if isinstance(self.test, ColumnCount) else None
        return Finding(not differences, count, found="; ".join(differences))


def all_names(schema: T.StructType) -> list[str]:
    """The columns' names as Great Expectations lists them: fields of structs too, by their path."""
    return [name for name, _ in _flat(schema)]


def spark_type(name: str) -> type[T.DataType]:
    """The class of a Spark type.

    Raises:
        ValueError: there is none of that name.
    """
    found: Any = getattr(T, name, None)
    if not (isinstance(found, type) and issubclass(found, T.DataType)):
        known = [each for each in T.__all__ if each.endswith("Type")]
        raise ValueError(f"'{name}' is no Spark type; {did_you_mean(name, known)}")
    return found


def _flat(schema: T.StructType, prefix: str = "") -> Iterator[tuple[str, T.StructField]]:
    for field in schema:
        yield prefix + (f"`{field.name}`" if "." in field.name else field.name), field
        if isinstance(field.dataType, T.StructType):
            yield from _flat(field.dataType, f"{prefix}{field.name}.")
