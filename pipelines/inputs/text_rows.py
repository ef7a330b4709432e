"""Which rows the files of a text source hold, by date: counted and digested once a file, and remembered."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.expressions.days import day_of
from pipelines.expressions.names import column
from pipelines.inputs.files import DataFile, Listed
from pipelines.tables.fingerprints import Known, Pinned, digest_of
from pipelines.tables.reach import Reach

_FILE, _DAY, _ROWS, _DIGEST = "__file", "__day", "__rows", "__digest"
_MODULUS = 2**64
Days = Mapping[str, tuple[int, int]]
"""By date in ISO format: how many rows, and the sum of their digests."""


class TextSource:
    """A folder of text files whose rows tell their dates: pinned by the rows of a slice, whatever file they are in.

    Each row has a digest of 64 bits (xxhash64 of its values as they are read); those of a date are added up, so that
    neither order nor files count. A file is read for that once, by Spark; what was found is kept beside the models.

    Args:
        listed: the files.
        column: the one that tells the date.
        timezone: in which a time's day is meant.
        read: the rows of some files by Spark, as a run reads them.
        kept: where findings are kept, of this location read in this way.
    """

    def __init__(
        self, listed: Listed, column: str, timezone: str, read: Callable[[Sequence[str]], DataFrame], kept: Path
    ) -> None:
        self._listed, self._column, self._timezone = listed, column, timezone
        self._read, self._kept = read, kept

    def pin(self, reach: Reach | None, _known: Known | None = None) -> Pinned:
        """Pin it for a slice, by its rows.

        Args:
            reach: the part that the slice reads.
        """
        assert reach is not None  # noqa: S101 - a column tells the slice
        rows, digests = Counter[str](), Counter[str]()
        first, last = reach.first.isoformat(), reach.last.isoformat()
        for days in self._days_of_files.values():
            for day, (count, digest) in days.items():
                if first <= day <= last:
                    rows[day] += count
                    digests[day] += digest
        of_all = digest_of(f"{day}|{rows[day]}|{digests[day] % _MODULUS:x}" for day in sorted(rows))
        return Pinned(None, f"rows#{of_all}", rows.total())

    @cached_property
    def _days_of_files(self) -> Mapping[str, Days]:
        """The rows of each file by date; by the file's identity."""
        remembered = _remembered(self._kept)
        new = [file for file in self._listed.files if file.identity not in remembered]
        if not new:
            return {file.identity: remembered[file.identity] for file in self._listed.files}
        found = {**remembered, **self._days_of(new)}
        days = {file.identity: found[file.identity] for file in self._listed.files}
        _remember(self._kept, days)
        return days

    def _days_of(self, files: Sequence[DataFile]) -> Mapping[str, Days]:
        """Those of some files, read by Spark."""
        rows = self._read([f"{self._listed.root}/{file.path}" for file in files])
        day = day_of(rows.schema[self._column].dataType, column(self._column), self._timezone)
        digest = F.xxhash64(*[part for field in rows.schema for part in _parts(field)])
        counted = (
            rows.select(F.input_file_name().alias(_FILE), day.alias(_DAY), digest.alias(_DIGEST))
            .where(column(_DAY).isNotNull())
            .groupBy(_FILE, _DAY)
            .agg(F.count(F.lit(1)).alias(_ROWS), F.sum(column(_DIGEST).cast("decimal(38,0)")).alias(_DIGEST))
        )
        by_path: dict[str, dict[str, tuple[int, int]]] = {file.path: {} for file in files}
        for row in counted.collect():  # a row a file and date
            days = by_path[_path(row[_FILE], by_path)]
            days[row[_DAY].isoformat()] = (row[_ROWS], int(row[_DIGEST]) % _MODULUS)
        return {file.identity: by_path[file.path] for file in files}


def _parts(field: T.StructField) -> tuple[Column, Column]:
    """What a row's digest takes of a column: xxhash64 passes over nulls, wherever they stand."""
    value = column(field.name)
    return value.isNull(), F.to_json(value) if isinstance(field.dataType, T.StructType) else value


def _path(uri: str, paths: Collection[str]) -> str:
    """The path below the root of a file that Spark names by its address: the longest end that is one."""
    parts = unquote(uri).split("/")
    return next(path for place in range(len(parts)) if (path := "/".join(parts[place:])) in paths)


def _remembered(kept: Path) -> dict[str, Days]:
    """What was found of files before; nothing where that cannot be read."""
    try:
        content = json.loads(kept.read_text(encoding="utf-8"))
        return {file: {day: (rows, digest) for day, (rows, digest) in days.items()} for file, days in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(kept: Path, found: Mapping[str, Days]) -> None:
    """Keep it, whole or not at all; where that is not possible, it is found again."""
    part = kept.with_name(f"{kept.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(found), encoding="utf-8")
        part.replace(kept)
