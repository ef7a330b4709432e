"""What is asked of a small stage, counted by Arrow: a Spark job takes longer to begin than a small file to be read.

Held against the aggregates that Spark computes of larger ones (`tallies`, `own_aggregates`): the names are theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import types as T

from pipelines.expressions.masks import BITS, absence_names, mask_names
from pipelines.expressions.rules import Rule, populations
from pipelines.transforms.staging import KIND, MODEL_RAISED, REFUSED_KIND, SCORED

MOST_BYTES, MOST_ROWS = 32 * 2**20, 2_000_000
"""Of a stage that Arrow reads: some 200 MB in memory, counted in a second where Spark takes ten."""
MOST_REFUSED = 50_000
"""Of its refused rows, whose reasons are texts."""
_TOLD_APART = (T.IntegralType, T.BooleanType, T.DateType, T.TimestampType, T.TimestampNTZType, T.DecimalType)


def are_told_apart(key: Sequence[T.StructField]) -> bool:
    """Whether keys are the same for Arrow where they are for Spark: none of floating point, nested, or collated."""
    return all(isinstance(field.dataType, _TOLD_APART) or field.dataType == T.StringType() for field in key)


def read_bits(folder: Path) -> pa.Table | None:
    """The bits of a stage's rows; None of a stage that is too large, or has no file.

    Args:
        folder: of its Parquet files, and of those of each kind.

    Raises:
        pa.ArrowException: a file is not as Arrow has them.
    """
    files = [*folder.glob("*.parquet"), *folder.glob(f"{KIND}=*/*.parquet")]
    if not files or _rows_of(files) > MOST_ROWS:
        return None
    return pa.concat_tables([_read(file, _bit_names(file)) for file in files])


def read_kinds(folder: Path, key: Sequence[str], outputs: Sequence[str]) -> tuple[pa.Table, pa.Table] | None:
    """Key and outputs of the scored rows, key and reasons of the refused; None of too many of those.

    Args:
        folder: of a stage whose scored and refused rows stand apart.
        key: the columns that identify a row.
        outputs: the outputs' names.

    Raises:
        pa.ArrowException: a file is not as Arrow has them.
    """
    scored, refused = (sorted(folder.glob(f"{KIND}={kind}/*.parquet")) for kind in (SCORED, REFUSED_KIND))
    if not (scored or refused) or _rows_of(refused) > MOST_REFUSED:
        return None
    any_file, wanted = (scored or refused)[0], [*dict.fromkeys([*key, *outputs, "reasons"])]
    if not set(wanted) <= set(pq.read_schema(any_file).names):
        return None
    none = _read(any_file, wanted).slice(0, 0)
    of_scored = pa.concat_tables([none.drop(["reasons"]), *(_read(file, wanted[:-1]) for file in scored)])
    of_refused = pa.concat_tables([none, *(_read(file, wanted) for file in refused)])
    return of_scored, of_refused


def count_rows_and_bits(table: pa.Table, rules: tuple[Rule, ...], stage_rules: tuple[Rule, ...]) -> dict[str, int]:
    """What `tallies` asks: the rows, those that break each rule, and those of each population.

    Args:
        table: the bits of staged rows.
        rules: those of the mask's bits.
        stage_rules: those that are judged on the stage.
    """
    everyone = (*rules, *stage_rules)
    broken = _bits_set(table, mask_names(rules), len(rules))
    absent = _bits_set(table, absence_names(everyone), len(populations(everyone)))
    return {
        "rows": table.num_rows,
        **{f"broken_{position}": count for position, count in enumerate(broken)},
        **{f"population_{number}": table.num_rows - count for number, count in enumerate(absent)},
    }


def look_at_rows(scored: pa.Table, refused: pa.Table, key: Sequence[str], outputs: Sequence[str]) -> dict[str, Any]:
    """What `own_aggregates` asks, where no rule refuses copies of rows.

    Args:
        scored: rows with their outputs.
        refused: rows with their reasons.
        key: the columns that identify a row.
        outputs: the outputs' names.
    """
    raised = [message for chunk in refused["reasons"].chunks for message in _raised(chunk)]
    # By plain names: a name that begins with a dot would be taken for a path.
    plain = [f"key_{number}" for number in range(len(key))]
    keys = pa.concat_tables([rows.select(list(key)).rename_columns(plain) for rows in (scored, refused)])
    found: dict[str, Any] = {
        "model_raised": len(raised),
        # By code points, which is the order of UTF-8's bytes, and so Spark's.
        "model_raised_message": max((message for message in raised if message is not None), default=None),
        "scored": scored.num_rows,
        "alone": keys.num_rows,
        "keys": keys.group_by(plain).aggregate([]).num_rows,
    }
    for name in outputs:
        values, missing = scored[name], scored[name].null_count
        if pa.types.is_floating(values.type):
            is_nan = pc.is_nan(values)
            missing += pc.sum(is_nan).as_py() or 0
            values = values.filter(pc.invert(is_nan))
        found[f"nulls_{name}"] = missing
        if pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
            bounds = pc.min_max(values).as_py()
            found |= {f"{side}_{name}": _as_float(bounds[side]) for side in ("min", "max")}
    return found


def _raised(reasons: pa.ListArray) -> list[str | None]:
    """What the model said of rows on which it raised."""
    first = pc.list_element(reasons, 0)
    messages = pc.struct_field(first, "message").filter(pc.equal(pc.struct_field(first, "rule"), MODEL_RAISED))
    found: list[str | None] = messages.to_pylist()
    return found


def _rows_of(files: Sequence[Path]) -> int:
    return sum(pq.read_metadata(file).num_rows for file in files)


def _bit_names(file: Path) -> list[str]:
    return [name for name in pq.read_schema(file).names if name.startswith(("mask_", "absent_"))]


def _read(file: Path, columns: Sequence[str]) -> pa.Table:
    # Of itself Arrow reads Spark's times as nanoseconds, which end in 2262.
    with pq.ParquetFile(file, coerce_int96_timestamp_unit="us") as opened:
        return opened.read(list(columns)).select(list(columns))


def _bits_set(table: pa.Table, names: Sequence[str], bits: int) -> list[int]:
    words: list[npt.NDArray[np.int64]] = [table[name].to_numpy() for name in names]
    return [int(np.count_nonzero(words[bit // BITS] & np.int64(1 << (bit % BITS)))) for bit in range(bits)]


def _as_float(value: Any) -> float | None:
    return None if value is None else float(value)
