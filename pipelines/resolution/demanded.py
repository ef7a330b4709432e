"""The rules that no suite holds: what a model's signature, its features' casts and a text source's types demand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from pipelines.config import FeatureFunction, Pipeline
from pipelines.config.policy import Action
from pipelines.errors import ConfigurationError, did_you_mean
from pipelines.expressions.names import unread_among
from pipelines.expressions.rules import FEATURES, RECORD, UNREAD, Check, KeptByCasts, NotNull, ReadAs, Rule, WholeRecord
from pipelines.expressions.text_values import spelled
from pipelines.inputs.text_features import TextInput, require_types
from pipelines.inputs.text_files import texts_beside
from pipelines.models.signature import ModelInput
from pipelines.resolution.definition import DEMANDED, KEPT_INPUT, MODEL_INPUT, READABLE, RECORD_READABLE, YIELDING
from pipelines.transforms.features import columns_used
from pipelines.transforms.sql_casts import lossy_casts


@dataclass(frozen=True)
class Demands:
    """The rules, and what they need.

    Args:
        rules: in the order of their bits, behind the suite's.
        columns: the columns of the input that they judge.
        unjudged: casts that may change a value and that no rule can judge, by feature.
    """

    rules: tuple[Rule, ...]
    columns: frozenset[str]
    unjudged: Mapping[str, tuple[str, ...]]


def demands(
    pipeline: Pipeline, frame: DataFrame, provided: Sequence[ModelInput], texts: Mapping[str, TextInput]
) -> Demands:
    """What the pipeline's rows must satisfy so that the model gets the values that the input holds.

    Args:
        pipeline: whose features.
        frame: the rows.
        provided: the model's inputs that features provide.
        texts: those of them that are texts of the source.

    Raises:
        ConfigurationError: limits or policy name a rule that is not there, or a text is taken for something else.
    """
    actions = pipeline.policy.checks
    rules = [rule for name in unread_among(frame.columns) for rule in _of_source(pipeline, frame, name)]
    columns: set[str] = set()
    unjudged: dict[str, tuple[str, ...]] = {}
    for item in provided:
        if not item.holds_null:
            rules.append(Rule(f"{MODEL_INPUT}:{item.name}", NotNull(f"{FEATURES}.{item.name}")))
    for item in provided:
        rule_id = f"{KEPT_INPUT}:{item.name}"
        check, missed = _kept(pipeline, frame, item.name, texts.get(item.name))
        if check is not None:
            rules.append(Rule(rule_id, check, action=actions.get(rule_id, "quarantine")))
            columns |= set(check.columns)
        if missed:
            unjudged[item.name] = tuple(missed)
    _require_known(pipeline, [rule.id for rule in rules])
    return Demands(tuple(rules), frozenset(columns), unjudged)


def _kept(pipeline: Pipeline, frame: DataFrame, feature: str, text: TextInput | None) -> tuple[Check | None, list[str]]:
    """What a feature's value must satisfy to reach the model as it is; and its casts that no rule can judge."""
    if text is not None:
        return ReadAs(text.column, text.kind.simpleString(), text.spelling, spelled(text.kind, text.spelling)), []
    if isinstance(pipeline.features, FeatureFunction):
        return None, []
    sql, main = pipeline.features[feature], pipeline.main_source
    if pipeline.source.query is None and pipeline.source.tables[main].is_text:
        require_types(f"features.{feature}", frame, sql, main)
    casts, missed = lossy_casts(frame, sql)
    if not casts:
        return None, missed
    conditions = [cast.condition for cast in casts if cast.condition is not None]
    used = columns_used(frame, [*(cast.value for cast in casts), *conditions])
    columns = tuple(name for name in frame.columns if name in used)
    return KeptByCasts(columns, "never", tuple(casts)), missed


def _of_source(pipeline: Pipeline, frame: DataFrame, unread: str) -> list[Rule]:
    """The rules for what could not be read of a text source."""
    name = unread.removeprefix(UNREAD)
    source = pipeline.source.tables[name]
    looks = "one JSON object a line" if source.format == "jsonl" else "a record as the header and the encoding say"
    rules = [Rule(f"{RECORD_READABLE}:{name}", WholeRecord(f"{unread}.{RECORD}", looks))]
    is_joined = pipeline.source.query is not None
    for column in texts_beside(frame, name):
        if column == RECORD:
            continue
        kind = T.DataType.fromDDL(source.column_types[column])
        rule_id = f"{READABLE}:{name}.{column}" if is_joined else f"{READABLE}:{column}"
        check = ReadAs(
            f"{unread}.{column}",
            kind.simpleString(),
            source.text,
            spelled(kind, source.text),
            is_masked=is_joined and bool(pipeline.personal),  # the query may have renamed what is personal
        )
        action: Action = pipeline.policy.checks.get(rule_id, "quarantine")
        rules.append(Rule(rule_id, check, action=action))
    return rules


def _require_known(pipeline: Pipeline, known: Collection[str]) -> None:
    for rule_id in pipeline.limits.rules:
        if rule_id.startswith(DEMANDED) and rule_id not in known:
            raise ConfigurationError(f"limits.rules: there is no rule '{rule_id}'", remedy=did_you_mean(rule_id, known))
    for rule_id in pipeline.policy.checks:
        if rule_id.startswith(YIELDING) and rule_id not in known:
            raise ConfigurationError(
                f"policy.checks: there is no check '{rule_id}'", remedy=did_you_mean(rule_id, known)
            )
