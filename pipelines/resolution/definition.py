"""A pipeline with every text that its configuration names: loaded and compiled without Spark."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines.config import FeatureFunction, Pipeline, Policy, Project, load_pipeline, sql_text, suite_path
from pipelines.config.policy import Action
from pipelines.errors import ConfigurationError, UsageError, did_you_mean
from pipelines.resolution.manifest import Configuration
from pipelines.transforms.features import DeriveFeatures
from pipelines.validation.compiling import Checks, compile_suite
from pipelines.validation.suite import Suite, load_suite, parse_suite

MODEL_INPUT = "model_input_not_null"
"""The rules that a model's signature demands are `model_input_not_null:FEATURE`."""
KEPT_INPUT = "model_input"
"""Those that refuse rows whose value a cast on the way to the model would change are `model_input:FEATURE`."""
READABLE = "input_readable"
"""Those that refuse texts which cannot be read as their column's type are `input_readable:COLUMN`, or
`input_readable:SOURCE.COLUMN` where a query joins sources."""
RECORD_READABLE = "record_readable"
"""That of a text source's records is `record_readable:SOURCE`."""
DEMANDED = tuple(f"{kind}:" for kind in (MODEL_INPUT, KEPT_INPUT, READABLE, RECORD_READABLE))
"""How the ids of rules begin that no suite holds."""
YIELDING = tuple(f"{kind}:" for kind in (KEPT_INPUT, READABLE))
"""Those of them that `policy.checks` may change: a person may want what a cast makes of a value."""


@dataclass(frozen=True)
class Definition:
    """A pipeline with the texts that its configuration names, and its suite compiled."""

    pipeline: Pipeline
    query: str | None
    checks: Checks
    derive: DeriveFeatures | None
    feature_source: str | None


def define(project: Project, name: str, suite_file: Path | None = None) -> Definition:
    """Load a pipeline and every text that it names; needs no Spark session.

    Args:
        project: the configuration.
        name: the pipeline's.
        suite_file: a suite to take in place of the configured one.

    Raises:
        UsageError: there is no such pipeline.
        ConfigurationError: a file is missing or wrong.
    """
    pipeline = load_pipeline(project, name)
    derive, source = (
        _function(project, pipeline.features.function, "features.function")
        if isinstance(pipeline.features, FeatureFunction)
        else (None, None)
    )
    suite = load_suite(suite_file) if suite_file is not None else _suite(project, pipeline)
    # Of another suite than the pipeline's own, some checks that policy and limits name may be gone.
    own = suite_file is None
    policy = pipeline.policy if own else _of_suite(pipeline, suite)
    checks = compile_suite(suite, without_demanded(policy), pipeline.personal)
    if own:
        _require_known_limits(pipeline, checks)
    return Definition(pipeline, sql_text(project, pipeline), checks, derive, source)


def recorded(project: Project, configuration: Configuration, run_id: str) -> Definition:
    """The definition that a run's manifest holds.

    Code is not run out of a table: a feature function is the project's own, and must have the text that it had then.

    Args:
        project: where feature functions are.
        configuration: as the manifest has it.
        run_id: the run's, for messages.

    Raises:
        ConfigurationError: another release wrote the configuration, or the feature function was changed.
    """
    try:
        pipeline = Pipeline.model_validate(configuration.pipeline)
    except ValidationError as error:
        raise ConfigurationError(
            f"the configuration of run {run_id} cannot be read by this release",
            found=f"{len(error.errors())} keys or values that it does not know",
            remedy="replay it with the release that the run's code_version names",
        ) from error
    derive = None
    if isinstance(pipeline.features, FeatureFunction):
        derive, source = _function(project, pipeline.features.function, "features.function")
        if source != configuration.feature_source:
            raise ConfigurationError(
                f"the module of '{pipeline.features.function}' is not as it was in run {run_id}",
                remedy="check out the commit of that time, and replay it there",
            )
    listed = [{**item, "id": item["check_id"]} for item in configuration.expectations]
    suite = parse_suite(json.dumps({"expectations": listed}), f"the manifest of run {run_id}")
    checks = compile_suite(suite, without_demanded(pipeline.policy), pipeline.personal)
    return Definition(pipeline, configuration.query, checks, derive, configuration.feature_source)


def _suite(project: Project, pipeline: Pipeline) -> Suite:
    path = suite_path(project, pipeline)
    if path is not None:
        return load_suite(path)
    if pipeline.expectations is None:
        return ()
    build, _ = _function(project, pipeline.expectations, "expectations")
    try:
        built = build()
        text = json.dumps(built.to_json_dict())
    except Exception as error:  # code of the user's own: it may raise anything
        raise ConfigurationError(
            f"expectations: '{pipeline.expectations}' gave no suite",
            expected="a function without arguments that returns a great_expectations.ExpectationSuite",
            found=f"{type(error).__name__}: {error}",
        ) from error
    return parse_suite(text, pipeline.expectations)


def without_demanded(policy: Policy) -> Policy:
    """The policy, less what it says of rules that no suite holds."""
    kept = {check_id: action for check_id, action in policy.checks.items() if not check_id.startswith(YIELDING)}
    return policy.model_copy(update={"checks": kept})


def _of_suite(pipeline: Pipeline, suite: Suite) -> Policy:
    """The pipeline's policy, less what cannot be said of the checks of another suite."""

    def fits(check_id: str, action: Action) -> bool:
        try:
            compile_suite(suite, pipeline.policy.model_copy(update={"checks": {check_id: action}}))
        except ConfigurationError:
            return False
        return True

    compile_suite(suite, pipeline.policy.model_copy(update={"checks": {}}))  # faults of the suite itself are reported
    kept = {check_id: action for check_id, action in pipeline.policy.checks.items() if fits(check_id, action)}
    return pipeline.policy.model_copy(update={"checks": kept})


def _require_known_limits(pipeline: Pipeline, checks: Checks) -> None:
    known = [rule.id for rule in checks.all_rules]
    for rule_id in pipeline.limits.rules:
        if rule_id not in known and not rule_id.startswith(DEMANDED):
            raise ConfigurationError(f"limits.rules: there is no rule '{rule_id}'", remedy=did_you_mean(rule_id, known))


def _function(project: Project, spec: str, where: str) -> tuple[Callable[..., Any], str]:
    module_name, _, name = spec.partition(":")
    if str(project.root) not in sys.path:
        sys.path.insert(0, str(project.root))
    try:
        module = importlib.import_module(module_name)
        function, source = getattr(module, name), inspect.getsource(module)
    except Exception as error:  # importing runs code of the user's own: it may raise anything
        raise ConfigurationError(
            f"{where}: '{spec}' cannot be loaded",
            expected="package.module:function, importable from the project's folder",
            found=f"{type(error).__name__}: {error}",
        ) from error
    if not callable(function):
        raise UsageError(f"{where}: '{spec}' is no function")
    return function, source
