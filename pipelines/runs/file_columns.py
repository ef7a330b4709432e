"""Which columns of a slice the workers read by themselves: those that nothing but the model takes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pyspark.sql import DataFrame
from pyspark.sql import types as T
from pyspark.sql.pandas.types import to_arrow_type

from pipelines.config import FeatureFunction, Pipeline
from pipelines.models.files import FileColumns
from pipelines.runs.preparation import Prepared, Resolved
from pipelines.runs.sources import PinnedSource
from pipelines.tables.data_files import columns_in_files
from pipelines.transforms.features import columns_used

_NAME = re.compile(r"\s*(`?)([A-Za-z_]\w*)\1\s*")
_WHOLE = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
_FLOATING = (T.FloatType, T.DoubleType)
_KEYS = (*_WHOLE, T.StringType, T.BooleanType)
_PADDED = "__CHAR_VARCHAR_TYPE_STRING"
"""Spark marks a CHAR column by it, which it may pad when it reads."""


def file_columns(resolved: Resolved, prepared: Prepared) -> FileColumns | None:
    """What the workers read by themselves; none where there is nothing that they may.

    It takes a slice of one Delta table on a file system, without a query. The columns are those that features name as
    they are and that neither a key, nor a check, nor anything else but the model needs. One column of the key at least
    must stand in the files too: it proves that the rows are the right ones.
    """
    pipeline, frame, source = resolved.definition.pipeline, resolved.frame, resolved.sources[0]
    if not _may_read(resolved, prepared, source):
        return None
    in_files = columns_in_files(source.location, source.pinned.version or 0)
    fields = {field.name: field for field in frame.schema if field.name in in_files and _PADDED not in field.metadata}
    inputs = {
        name: (column, to_arrow_type(prepared.types[name]))
        for name, column in _named(pipeline, prepared, frame).items()
        if column in fields and _is_cast_alike(fields[column].dataType, prepared.types[name])
    }
    key = tuple(name for name in pipeline.key if name in fields and isinstance(fields[name].dataType, _KEYS))
    read = dict.fromkeys(column for column, _ in inputs.values())
    if not read or not key or columns_used(frame, _sql_of(pipeline, inputs)) != set(read):
        return None
    return FileColumns({name: to_arrow_type(fields[name].dataType) for name in (*key, *read)}, inputs, key)


def _may_read(resolved: Resolved, prepared: Prepared, source: PinnedSource) -> bool:
    """Whether each row of the slice lies in a file that a worker finds as it was when the run began."""
    definition = resolved.definition
    return (
        resolved.workers_read_files
        and definition.query is None
        and definition.derive is None
        and source.format == "delta"
        # With such rules the stage keeps all columns of all rows.
        and not any(rule.refuses for rule in prepared.checks.stage_rules)
        # A column of that name would hide where Spark tells files and positions.
        and "_metadata" not in map(str.lower, resolved.frame.columns)
    )


def _named(pipeline: Pipeline, prepared: Prepared, frame: DataFrame) -> dict[str, str]:
    """By input: the column that its feature names as it is, where nothing but the model takes that column."""
    by_name = {name.lower(): name for name in frame.columns}
    named = {}
    for name, sql in zip(prepared.types, _sql_of(pipeline, prepared.types), strict=True):
        found = _NAME.fullmatch(sql)
        column = by_name.get(found[2].lower()) if found is not None else None
        if column is not None and column in prepared.model_only:
            named[name] = column
    return named


def _sql_of(pipeline: Pipeline, inputs: Iterable[str]) -> list[str]:
    features = pipeline.features
    return [] if isinstance(features, FeatureFunction) else [features[name] for name in inputs]


def _is_cast_alike(found: T.DataType, wanted: T.DataType) -> bool:
    """Whether Arrow casts every value of the one type to what Spark casts it to, and no value makes either raise."""
    if isinstance(found, _WHOLE) and isinstance(wanted, _WHOLE):
        return _WHOLE.index(type(found)) <= _WHOLE.index(type(wanted))
    if isinstance(found, (*_WHOLE, *_FLOATING)) and isinstance(wanted, _FLOATING):
        return True
    return type(found) is type(wanted) and isinstance(found, T.StringType | T.BooleanType)
