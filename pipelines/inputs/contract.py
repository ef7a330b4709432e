"""The contract with the sources: the columns that the configuration declares, against those that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from pyspark.sql import SparkSession
from pyspark.sql import types as T

from pipelines.config import Pipeline
from pipelines.errors import SourceError, shortened
from pipelines.inputs.declared_types import declared_types
from pipelines.inputs.pinning import PinnedSource
from pipelines.inputs.reading import read_source
from pipelines.inputs.text_files import without_unread

LIKE_ENOUGH = 0.6


@dataclass(frozen=True)
class BrokenContract:
    """How sources differ from what the configuration declares of them.

    Args:
        differences: of each column, by its source.
        declarations: the lines that would declare what is there.
    """

    differences: tuple[str, ...]
    declarations: tuple[str, ...]

    def error(self, consequence: str | None = None) -> SourceError:
        """The error that tells of all differences; with what else is wrong because of them."""
        problems = [*self.differences, *([] if consequence is None else [f"and so: {consequence}"])]
        return SourceError(
            "the sources differ from what the pipeline declares:\n    " + "\n    ".join(problems),
            expected="the columns under 'source.tables.….columns'",
            remedy="mend the tables; or, if the change is meant, declare it, and mend what uses these columns:\n"
            + "\n".join(self.declarations),
        )


def broken_contract(spark: SparkSession, pipeline: Pipeline, sources: Sequence[PinnedSource]) -> BrokenContract | None:
    """How the sources that declare their columns differ from that; None where they do not.

    Args:
        spark: the session.
        pipeline: what declares them.
        sources: as pinned.

    Raises:
        ConfigurationError: a declared type is no SQL type.
    """
    found_differences: list[str] = []
    declarations: list[str] = []
    for source in sources:
        configured = pipeline.source.tables[source.name]
        if not configured.columns:
            continue
        found = without_unread(read_source(spark, source, configured)).schema
        different = differences(
            declared_types(source.name, configured),
            found,
            refuses_others=configured.other_columns == "refuse",
            are_texts=configured.is_text,
        )
        if different:
            found_differences += [f"{source.name}.{difference}" for difference in different]
            declarations.append(_declaration(source.name, found))
    return BrokenContract(tuple(found_differences), tuple(declarations)) if found_differences else None


def differences(
    declared: T.StructType, found: T.StructType, *, refuses_others: bool, are_texts: bool = False
) -> list[str]:
    """What is missing, retyped, likely renamed and, where others are refused, added.

    Args:
        declared: the contract.
        found: the table's columns.
        refuses_others: whether a column that is not declared is a difference.
        are_texts: whether the table is of a text format, and so read as it is declared.
    """
    there = {field.name: field for field in found}
    missing = [field for field in declared if field.name not in there]
    others = [field for field in found if field.name not in declared.names]
    found_differences, renamed = [], set()
    for field in missing:
        free = [other for other in others if other.name not in renamed]
        successor = _successor(field, free, are_texts=are_texts)
        if successor is None:
            found_differences.append(f"{field.name}: missing")
        else:
            renamed.add(successor.name)
            found_differences.append(f"{field.name}: missing; it looks renamed to {successor.name}")
    for field in declared:
        if field.name in there and _kind(there[field.name]) != _kind(field):
            found_differences.append(f"{field.name}: {_kind(there[field.name])}, declared as {_kind(field)}")
    if refuses_others:
        found_differences += [f"{field.name}: not declared" for field in others if field.name not in renamed]
    return found_differences


def _successor(field: T.StructField, others: Sequence[T.StructField], *, are_texts: bool) -> T.StructField | None:
    """The undeclared column of the same type whose name is most alike, if it is alike enough."""

    def likeness(other: T.StructField) -> float:
        return SequenceMatcher(None, field.name.lower(), other.name.lower()).ratio()

    # In a text format, whatever is not declared is text.
    kinds = {_kind(field), T.StringType().simpleString()} if are_texts else {_kind(field)}
    alike = [other for other in others if _kind(other) in kinds and likeness(other) >= LIKE_ENOUGH]
    return max(alike, key=likeness, default=None)


def _kind(field: T.StructField) -> str:
    """The type as SQL says it, which cannot say whether an array's elements or a map's values may be null."""
    return field.dataType.simpleString()


def _declaration(name: str, found: T.StructType) -> str:
    listed = ", ".join(f"{field.name}: {_kind(field)}" for field in found)
    return f"    {name}: columns: {{{shortened(listed, 2000)}}}"
