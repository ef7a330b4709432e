"""The YAML of a proposed pipeline: one that a person goes on with, with the evidence of each guess beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from pipelines.config import Source
from pipelines.config.models import Model
from pipelines.runs.feature_proposal import FeatureProposal
from pipelines.runs.source_proposal import DateProposal, KeyProposal


def pipeline_text(
    name: str,
    source: Source,
    date: DateProposal,
    key: KeyProposal,
    features: Sequence[FeatureProposal],
    model: Model,
    outputs: Mapping[str, Any],
    personal: Sequence[str],
) -> str:
    """The pipeline's file.

    Args:
        name: the pipeline's; also its suite's.
        source: where its rows are.
        date: how a score date finds them.
        key: what identifies one.
        features: the model's inputs.
        model: which one, and what of it may be loaded.
        outputs: what becomes of its results.
        personal: the columns that are masked.
    """
    place = {"path": source.path} if source.path is not None else {"table": source.table}
    kind = {} if source.format == "delta" else {"format": source.format}
    way, value = date.selection
    table = {**place, **kind, "slice": {way: value}}
    masked = (
        "named like personal data: masked wherever values are shown"
        if personal
        else ("columns that are masked wherever values are shown; none is named like personal data")
    )
    lines = [
        "# yaml-language-server: $schema=../schema/pipeline.schema.json",
        "# Made by `lakescore init`. What stands behind a # is what it saw; change what is not so.",
        _line("name", name),
        'description: ""  # what it predicts, and for whom',
        "",
        "source:",
        "  tables:",
        f"    {_line(f'{name}_input', table)}  # {date.evidence}",
        "",
        f"{_line('key', list(key.columns))}  # {key.evidence}",
        "",
        "features:",
        *[f"  {_line(item.name, item.sql)}" + (f"  # {item.comment}" if item.comment else "") for item in features],
        "",
        f"expectations: {name}.json  # suggested from the newest days; `lakescore validate` tries it on others",
        "",
        _line("model", model.model_dump(mode="json", exclude_defaults=True)),
        "",
        "outputs:",
        *[f"  {_line(output, how)}" for output, how in outputs.items()],
        "",
        "limits: {quarantined_share: 0.1}  # more refused rows than that, and the slice is not published",
        f"{_line('personal', list(personal))}  # {masked}",
        '# airflow: {schedule: "0 6 * * *", lag_days: 1}',
    ]
    return "\n".join(lines) + "\n"


def _line(name: str, value: Any) -> str:
    """One key and its value, on one line."""
    text = yaml.safe_dump({name: value}, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return str(text).strip()[1:-1]
