"""Everything about a run that is settled before a row is read: configuration, versions, types, and what fits what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame
from pyspark.sql import types as T

from pipelines import schemas
from pipelines.config import FeatureFunction, Pipeline
from pipelines.config.models import RESERVED_PREFIXES
from pipelines.errors import ConfigurationError, SourceError, did_you_mean
from pipelines.expressions.names import column, quoted, unread_among
from pipelines.expressions.text_values import read_as
from pipelines.inputs.spark_errors import first_line
from pipelines.inputs.text_features import TextInput, text_inputs
from pipelines.inputs.text_files import without_unread
from pipelines.models.registry import RegisteredModel
from pipelines.models.signature import ModelInput, compare, model_inputs
from pipelines.resolution.definition import Definition
from pipelines.resolution.demanded import demands
from pipelines.transforms.features import columns_used, expression_types, with_expressions, with_function
from pipelines.validation.binding import bound
from pipelines.validation.compiling import Checks


@dataclass(frozen=True)
class Prepared:
    """A run whose parts are known to fit each other.

    Args:
        columns_read: the columns of the input that anything uses; what is kept of a refused row.
        feature_columns: those of them that the model's features are made of.
        model_only: those of them that nothing else takes.
        checks: the suite, and what the model's signature demands of each row.
        types: the features and their Spark types, in the signature's order.
        output_types: the outputs and theirs.
        keys: the key columns, as in the source.
        texts: the features that are texts of the source, read as the model's inputs are typed.
        unjudged: casts of features that may change a value and that no rule can judge, by feature.
    """

    columns_read: tuple[str, ...]
    feature_columns: frozenset[str]
    model_only: frozenset[str]
    checks: Checks
    types: Mapping[str, T.DataType]
    output_types: T.StructType
    keys: tuple[T.StructField, ...]
    texts: Mapping[str, TextInput] = field(default_factory=dict)
    unjudged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def tells_values(self, pipeline: Pipeline) -> bool:
        """Whether what a model says of a row may be shown: none of its features comes from a personal column."""
        return self.feature_columns.isdisjoint(pipeline.personal)


def prepare(definition: Definition, model: RegisteredModel, frame: DataFrame) -> Prepared:
    """Hold source, features, suite, signature and outputs against each other, before any row is read.

    Args:
        definition: the pipeline and its texts.
        model: what scores.
        frame: a slice's rows.

    Raises:
        SourceError: a column is missing.
        ConfigurationError: a feature, a condition or a check cannot be computed of the source's columns.
        ModelError: the features do not fit the model's signature.
    """
    pipeline, checks = definition.pipeline, definition.checks
    require_source_columns(frame, pipeline.key, f"pipeline '{pipeline.name}', key")
    require_source_columns(frame, sorted(checks.columns()), f"pipeline '{pipeline.name}', expectations")
    require_source_columns(frame, pipeline.personal, f"pipeline '{pipeline.name}', personal")
    history = [gate.column for gate in pipeline.history.values() if gate.column is not None]
    require_source_columns(frame, history, f"pipeline '{pipeline.name}', history")
    label = model.label
    inputs = model_inputs(model.folder, label)
    texts = text_inputs(pipeline, frame, inputs)
    found = {**_feature_types(definition, frame, inputs), **{name: text.kind for name, text in texts.items()}}
    provided = compare(inputs, found, label)
    used = _columns_used(definition, frame, [item.name for item in provided])
    conditions = _analyzed(frame, checks.conditions(), "a row_condition of the suite")
    demanded = demands(pipeline, frame, provided, texts)
    tested = _columns_used(definition, frame, [item.name for item in provided if not item.holds_null])
    others = {*pipeline.key, *checks.columns(), *conditions, *history, *tested, *demanded.columns}
    columns_read = {*used, *others}
    _require_free_names(columns_read)
    checks = bound(checks, frame)
    return Prepared(
        columns_read=tuple(name for name in frame.columns if name in columns_read),
        feature_columns=frozenset(used),
        model_only=frozenset(used - others),
        checks=replace(checks, rules=(*checks.rules, *demanded.rules)),
        types={item.name: item.type for item in provided},
        output_types=schemas.output_types({name: output.type for name, output in pipeline.outputs.items()}),
        keys=tuple(frame.schema[name] for name in pipeline.key),
        texts=texts,
        unjudged=demanded.unjudged,
    )


def _require_free_names(columns_read: Collection[str]) -> None:
    """Refuse columns that would stand beside those of the same name which a run adds to the rows."""
    taken = sorted(name for name in columns_read if name.lower().startswith(RESERVED_PREFIXES))
    if taken:
        raise SourceError(
            "columns of the source have names that a run uses itself",
            expected=f"names that do not begin with {', '.join(RESERVED_PREFIXES)}",
            found=", ".join(taken),
            remedy="rename them in the pipeline's query",
        )


def with_features(
    frame: DataFrame, definition: Definition, prepared: Prepared, carried: Sequence[Column] = ()
) -> DataFrame:
    """The columns read, what else is carried of each row, and the features in one struct column."""
    features = definition.pipeline.features
    columns = [frame[quoted(name)] for name in (*prepared.columns_read, *unread_among(frame.columns))]
    read = frame.select(*columns, *carried)
    if isinstance(features, FeatureFunction):
        assert definition.derive is not None  # noqa: S101 - `define` loads it wherever features are a function
        return with_function(read, definition.derive, prepared.types)
    texts = {name: read_as(column(text.column), text.kind, text.spelling) for name, text in prepared.texts.items()}
    return with_expressions(read, features, prepared.types, texts)


def _feature_types(definition: Definition, frame: DataFrame, inputs: Sequence[ModelInput]) -> dict[str, T.DataType]:
    features = definition.pipeline.features
    if definition.derive is not None:
        try:
            derived = definition.derive(frame)
        except Exception as error:  # code of the user's own: it may raise anything
            raise ConfigurationError(
                f"the feature function of '{definition.pipeline.name}' failed",
                expected="a function DataFrame -> DataFrame over the source's columns",
                found=f"{type(error).__name__}: {first_line(error) if str(error) else ''}",
            ) from error
        require_source_columns(
            derived, frame.columns, "the feature function must return every column that it was given"
        )
        return {field.name: field.dataType for field in derived.schema}
    assert not isinstance(features, FeatureFunction)  # noqa: S101 - it would have been loaded
    wanted = {item.name for item in inputs}
    taken = {name: sql for name, sql in features.items() if name in wanted}
    return {**dict.fromkeys(features, T.NullType()), **_types_of(frame, taken)}


def _types_of(frame: DataFrame, features: Mapping[str, str]) -> dict[str, T.DataType]:
    try:
        return expression_types(frame, features)
    except (AnalysisException, ParseException) as error:
        if len(features) > 1:  # together, as each look takes its time; one by one to say which it is
            return {name: kind for one in features.items() for name, kind in _types_of(frame, dict([one])).items()}
        ((name, sql),) = features.items()
        raise _no_sql(f"feature '{name}'", sql, error) from error


def _columns_used(definition: Definition, frame: DataFrame, features: Sequence[str]) -> set[str]:
    configured = definition.pipeline.features
    if isinstance(configured, FeatureFunction):
        return set(without_unread(frame).columns)
    return columns_used(frame, [configured[name] for name in features])


def _analyzed(frame: DataFrame, conditions: Sequence[str], what: str) -> set[str]:
    used: set[str] = set()
    for condition in conditions:
        try:
            used |= columns_used(frame, [condition])
        except (AnalysisException, ParseException) as error:
            raise _no_sql(what, condition, error) from error
    return used


def _no_sql(what: str, sql: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{what} is no SQL over the source", expected="an expression over the source's columns",
        found=f"{sql}: {first_line(error)}", remedy="mend the expression, or the columns' names",
    )  # fmt: skip


def require_source_columns(frame: DataFrame, names: Sequence[str], where: str) -> None:
    """Check that the frame has the columns.

    Raises:
        SourceError: with all that are missing, and the nearest names.
    """
    missing = [name for name in names if name not in frame.columns]
    if missing:
        advice = [f"{name}: {did_you_mean(name, frame.columns)}" for name in missing]
        raise SourceError(
            f"{where}: the source lacks {'a column' if len(missing) == 1 else 'columns'}",
            expected=", ".join(missing),
            found=", ".join(frame.columns),
            remedy="; ".join(advice),
        )
