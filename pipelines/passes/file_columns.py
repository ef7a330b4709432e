"""Which columns of a slice the workers read by themselves: those that nothing but the model takes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from pyspark.sql import DataFrame
from pyspark.sql import types as T
from pyspark.sql.pandas.types import to_arrow_type

from pipelines.config import FeatureFunction, Pipeline
from pipelines.inputs.pinning import PinnedSource
from pipelines.models.workers.file_reader import FileColumns
from pipelines.resolution.preparation import Prepared
from pipelines.resolution.resolved_run import Resolved
from pipelines.tables.data_files import columns_in_files
from pipelines.transforms.features import columns_used

_NAME = re.compile(r"\s*(`?)([A-Za-z_]\w*)\1\s*")
_WHOLE = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
_FLOATING = (T.FloatType, T.DoubleType)
_KEYS = (*_WHOLE, T.StringType, T.BooleanType, T.DateType, T.DecimalType)
_OTHERWISE = ("__CHAR_VARCHAR_TYPE_STRING", "EXISTS_DEFAULT")
"""Marks of columns which Spark pads when it reads them, or fills where a file lacks them."""


def file_columns(resolved: Resolved, prepared: Prepared) -> FileColumns | None:
    """What the workers read by themselves; none where there is nothing that they may.

    It takes a slice of one Delta table on a file system, without a query. The columns are those that features name as
    they are and that neither a key, nor a check, nor anything else but the model needs. The key must stand in the files
    too, apart from partition columns: it proves that the rows are the right ones.
    """
    pipeline, frame, source = resolved.definition.pipeline, resolved.frame, resolved.sources[0]
    named = _named(pipeline, prepared, frame) if _may_read(resolved, prepared, source) else {}
    if not named:
        return None
    assert source.pinned.version is not None  # noqa: S101 - it is a Delta table
    in_files = columns_in_files(source.location, source.pinned.version)
    fields = {field.name: field for field in frame.schema if field.name in in_files}
    plain = {name for name, field in fields.items() if not any(mark in field.metadata for mark in _OTHERWISE)}
    inputs = {
        name: (column, to_arrow_type(prepared.types[name]))
        for name, column in named.items()
        if column in plain and _is_cast_alike(fields[column].dataType, prepared.types[name])
    }
    key = tuple(name for name in pipeline.key if name in fields)  # the others are partitions: one value a file
    read = dict.fromkeys(column for column, _ in inputs.values())
    if not read or not _proves(key, plain, fields):
        return None
    if columns_used(frame, _sql_of(pipeline, inputs)) != set(read):  # SQL reads some names as literals, such as `true`
        return None
    return FileColumns({name: to_arrow_type(fields[name].dataType) for name in (*key, *read)}, inputs, key)


def _proves(key: tuple[str, ...], plain: Collection[str], fields: Mapping[str, T.StructField]) -> bool:
    """Whether all of the key that stands in the files can be compared, and some of it does."""
    return bool(key) and all(name in plain and isinstance(fields[name].dataType, _KEYS) for name in key)


def _may_read(resolved: Resolved, prepared: Prepared, source: PinnedSource) -> bool:
    """Whether each row of the slice lies in a file that a worker finds as it was when the run began."""
    definition = resolved.definition
    return (
        resolved.environment.workers_read_files
        and definition.query is None
        and not definition.pipeline.key_from  # the files know the key's columns by other names
        and definition.derive is None
        and source.format == "delta"
        and resolved.frame.sparkSession.conf.get("spark.sql.caseSensitive") == "false"
        and not prepared.checks.refuse_on_stage  # the stage would keep all columns of all rows
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
    """Whether Arrow casts every value of the one type to what Spark casts it to, and no value makes either raise.

    Whole numbers and booleans of a model are not among the wanted: their nulls are judged, and so Spark reads them.
    """
    if isinstance(found, (*_WHOLE, *_FLOATING)) and isinstance(wanted, _FLOATING):
        return True
    return isinstance(found, T.StringType) and isinstance(wanted, T.StringType)
