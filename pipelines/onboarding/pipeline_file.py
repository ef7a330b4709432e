"""The YAML of a proposed pipeline: one that a person goes on with, with the evidence of each guess beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from pipelines.config.loading import VARIABLE
from pipelines.config.models import Model
from pipelines.onboarding.feature_proposal import FeatureProposal
from pipelines.onboarding.source_proposal import DateProposal, KeyProposal
from pipelines.onboarding.text_proposal import TextProposal

_LONGEST_KEY = 1000
"""YAML takes a key of up to 1024 characters before its colon; a longer one needs a line of its own."""


class _Dumper(yaml.SafeDumper):
    """Writes every text on one line."""

    def represent_text(self, text: str) -> yaml.Node:
        style = None if text.isprintable() else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)


def pipeline_text(
    name: str,
    text: TextProposal,
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
        text: where its rows are, and how they are read.
        date: how a score date finds them.
        key: what identifies one.
        features: the model's inputs.
        model: which one, and what of it may be loaded.
        outputs: what becomes of its results.
        personal: the columns that are masked; of the key's, all but the key itself.
    """
    lines = [
        "# yaml-language-server: $schema=../schema/pipeline.schema.json",
        "# Made by `lakescore init`. Comments tell what was found in the data; correct what is wrong.",
        _line("name", name),
        'description: ""  # what it predicts, and for whom',
        "",
        "source:",
        "  tables:",
        *_source_lines(f"{name}_input", text, date),
        "",
        _line("key", list(key.names), _key_comment(key, personal)),
        *([_line("key_from", dict(key.key_from), "what the source calls them")] if key.key_from else []),
        "",
        "features:",
        *[_line(item.name, item.sql, item.comment, indent=2) for item in features],
        "",
        f"expectations: {name}.json  # suggested from the newest days; `lakescore validate` tries it on others",
        "",
        _line("model", model.model_dump(mode="json", exclude_defaults=True)),
        "",
        "outputs:",
        *[_line(output, how, indent=2) for output, how in outputs.items()],
        "",
        "limits: {quarantined_share: 0.1}  # a slice with a larger share of refused rows is not published",
        _line("personal", [*personal, *_renamed(key, personal)], _personal_comment(key, personal)),
        '# airflow: {schedule: "0 6 * * *", lag_days: 1}',
    ]
    return "\n".join(lines) + "\n"


def _source_lines(name: str, text: TextProposal, date: DateProposal) -> list[str]:
    """The source: on one line, or where it is of a text format on a line for each thing that was found out."""
    source, (way, value) = text.source, date.selection
    place = {"path": source.path} if source.path is not None else {"table": source.table}
    if not source.is_text:
        kind = {} if source.format == "delta" else {"format": source.format}
        return [_line(name, {**place, **kind, "slice": {way: value}}, date.evidence, indent=4)]
    spelling = source.text.model_dump(mode="json", exclude_defaults=True)
    return [
        f"    {_flow(name)}:",
        *[_line(key, item, indent=6) for key, item in {**place, "format": source.format}.items()],
        *([_line("text", spelling, text.format_evidence, indent=6)] if spelling else []),
        *([_line("columns", source.columns, text.column_evidence, indent=6)] if source.columns else []),
        _line("slice", {way: value}, date.evidence, indent=6),
    ]


def _renamed(key: KeyProposal, personal: Sequence[str]) -> list[str]:
    """The names in the tables of the key's personal columns that the source calls otherwise."""
    return [name for name, source in key.key_from.items() if source in personal]


def _key_comment(key: KeyProposal, personal: Sequence[str]) -> str:
    named = [name for name in key.columns if name in personal]
    if not named:
        return key.evidence
    return f"{key.evidence}. Named like personal data: {', '.join(named)}; key values are stored and shown as they are"


def _personal_comment(key: KeyProposal, personal: Sequence[str]) -> str:
    if not personal:
        return "columns that are masked wherever values are shown; none is named like personal data"
    masked = "named like personal data: masked wherever values are shown"
    return masked if set(key.columns).isdisjoint(personal) else f"{masked}, except as the key of a row"


def _line(name: str, value: Any, comment: str = "", *, indent: int = 0) -> str:
    """One key, its value and a comment: a line, or two where the key is too long for one."""
    before, key, content = " " * indent, _flow(name), _flow(_literal(value))
    text = f"{before}{key}: {content}" if len(key) <= _LONGEST_KEY else f"{before}? {key}\n{before}: {content}"
    return f"{text}  # {_as_comment(comment)}" if comment else text


def _flow(value: Any) -> str:
    """The value as YAML, on one line."""
    listed = yaml.dump(
        [value], Dumper=_Dumper, default_flow_style=True, sort_keys=False, width=float("inf"), allow_unicode=True
    )
    return str(listed).strip()[1:-1]


def _literal(value: Any) -> Any:
    """The value, spelled so that what looks like `${VARIABLE}` in it is read as it stands."""
    match value:
        case dict():
            return {key: _literal(item) for key, item in value.items()}
        case list() | tuple():
            return [_literal(item) for item in value]
        case str():
            return VARIABLE.sub(lambda found: "${DOLLAR:-$}" + found[0][1:], value)
    return value


def _as_comment(text: str) -> str:
    """The text without what would end a comment or may not stand in YAML."""
    spelled = re.sub(r"\s+", " ", text)
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in spelled)
