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

from pipelines.expressions.masks import BITS, absence_names, mask_names
from pipelines.expressions.rules import Rule, populations
from pipelines.transforms.staging import MODEL_RAISED

SMALL_BYTES = 32 * 2**20
"""Some 2,000,000 rows of a key and an output, which Arrow counts in a second; Spark takes ten."""


def count_rows_and_bits(table: pa.Table, rules: tuple[Rule, ...], stage_rules: tuple[Rule, ...]) -> dict[str, int]:
    """What `tallies` asks: the rows, those that break each rule, and those of each population.

    Args:
        table: staged rows.
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


def look_at_rows(table: pa.Table, key: Sequence[str], outputs: Sequence[str]) -> dict[str, Any]:
    """What `own_aggregates` asks, where no rule refuses copies of rows.

    Args:
        table: staged rows.
        key: the columns that identify a row.
        outputs: the outputs' names.
    """
    reasons = table["reasons"].combine_chunks()
    first = pc.list_element(reasons.filter(reasons.is_valid()), 0)
    rules, messages = (pc.struct_field(first, name) for name in ("rule", "message"))
    raised = messages.filter(pc.equal(rules, MODEL_RAISED))
    scored = table.filter(reasons.is_null()).select(list(outputs))
    found: dict[str, Any] = {
        "model_raised": len(raised),
        "model_raised_message": pc.max(raised).as_py(),
        "scored": scored.num_rows,
        "alone": table.num_rows,
        "keys": table.group_by(list(key)).aggregate([]).num_rows,
    }
    for number, name in enumerate(outputs):
        values = scored[name].drop_null()
        if pa.types.is_floating(values.type):
            values = values.filter(pc.invert(pc.is_nan(values)))
        found[f"nulls_{number}"] = scored.num_rows - len(values)
        if _is_number(values.type):
            bounds = pc.min_max(values).as_py()
            found |= {f"{side}_{number}": _as_float(bounds[side]) for side in ("min", "max")}
    return found


def read_small(folder: Path, *, key: Sequence[str], outputs: Sequence[str]) -> pa.Table | None:
    """The rows of a stage; None where Arrow may tell keys apart that Spark does not, or cannot read them.

    Args:
        folder: of its Parquet files, at any depth.
        key: the columns that identify a row.
        outputs: the outputs' names.
    """
    parts = []
    for file in folder.rglob("*.parquet"):
        try:
            # Of itself Arrow reads Spark's times as nanoseconds, which end in 2262.
            with pq.ParquetFile(file, coerce_int96_timestamp_unit="us") as parquet:
                wanted = [name for name in parquet.schema_arrow.names if name.startswith(("mask_", "absent_"))]
                parts.append(parquet.read([*dict.fromkeys([*wanted, *key, *outputs, "reasons"])]))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # a type that only Spark knows
            return None
    if not parts:
        return None
    table = pa.concat_tables(parts)
    has_all = {*key, *outputs, "reasons"} <= set(table.column_names)
    return table if has_all and all(_is_told_apart(table.schema.field(name).type) for name in key) else None


def _bits_set(table: pa.Table, names: Sequence[str], bits: int) -> list[int]:
    words: list[npt.NDArray[np.int64]] = [table[name].to_numpy() for name in names]
    return [int(np.count_nonzero(words[bit // BITS] & np.int64(1 << (bit % BITS)))) for bit in range(bits)]


def _is_told_apart(kind: pa.DataType) -> bool:
    """Whether values are the same for Arrow where they are for Spark: not those of floating point, nor nested ones."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_string(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_date(kind)
        or pa.types.is_timestamp(kind)
        or pa.types.is_decimal(kind)
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _as_float(value: Any) -> float | None:
    return None if value is None else float(value)
