"""Great Expectations' own Spark engine, for the expectations that the one pass cannot compute exactly."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame

from pipelines.errors import ConfigurationError
from pipelines.validation.suite import Expectation

CHEAP = {"result_format": "BASIC", "partial_unexpected_count": 0}
"""Settings with which the engine counts and collects no examples."""


@dataclass(frozen=True)
class EngineResult:
    """What Great Expectations said of one expectation."""

    check_id: str
    success: bool
    observed: float | None
    unexpected_count: int | None
    element_count: int | None = None
    missing_count: int | None = None


def run_engine(
    frame: DataFrame, expectations: Sequence[Expectation], personal: Collection[str] = ()
) -> list[EngineResult]:
    """Each expectation's result over the frame, by the engine's cheap settings: nothing cached, no examples collected.

    Args:
        frame: the batch.
        expectations: what is computed.
        personal: columns of which no value may be shown; where there are any, an exception's text is not.

    Raises:
        ConfigurationError: the engine could not compute an expectation.
    """
    if not expectations:
        return []
    report = engine_report(frame, expectations, CHEAP)
    return [_result(item, tells_values=not personal) for item in report.results]


def engine_report(
    frame: DataFrame,
    expectations: Sequence[Expectation],
    result_format: Mapping[str, Any] | None = None,
    *,
    persist: bool = False,
) -> Any:
    """What Great Expectations' Spark engine says of a frame, as its own `ExpectationSuiteValidationResult`.

    Args:
        frame: the batch.
        expectations: each is found again in the results by `meta.check_id`.
        result_format: the engine's settings; its defaults where they are None.
        persist: whether the engine caches the batch.
    """
    import great_expectations as gx
    from great_expectations.expectations import registry

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_spark("slice", persist=persist)
    batch = source.add_dataframe_asset("slice").add_batch_definition_whole_dataframe("slice")
    suite = gx.ExpectationSuite(
        name="slice",
        expectations=[
            registry.get_expectation_impl(item.type)(**item.kwargs, meta={"check_id": item.check_id})
            for item in expectations
        ],
    )
    settings = {} if result_format is None else {"result_format": dict(result_format)}
    return batch.get_batch(batch_parameters={"dataframe": frame}).validate(suite, **settings)


def _result(item: Any, *, tells_values: bool) -> EngineResult:
    check_id = item.expectation_config.meta["check_id"]
    if item.exception_info and any(
        isinstance(info, dict) and info.get("raised_exception") for info in _exceptions(item.exception_info)
    ):
        messages = [info["exception_message"] for info in _exceptions(item.exception_info) if isinstance(info, dict)]
        raise ConfigurationError(
            f"expectation '{check_id}' cannot be computed by Great Expectations",
            expected="columns and arguments that its Spark engine can take",
            found="; ".join(messages) if tells_values else "an exception that may hold values of personal columns",
            remedy="correct the expectation, or take it out of the suite",
        )
    observed = item.result.get("observed_value")
    unexpected = item.result.get("unexpected_count")
    return EngineResult(
        check_id,
        bool(item.success),
        float(observed) if isinstance(observed, int | float) else None,
        int(unexpected) if unexpected is not None else None,
        item.result.get("element_count"),
        item.result.get("missing_count"),
    )


def _exceptions(info: dict[str, Any]) -> list[Any]:
    return [info] if "raised_exception" in info else list(info.values())
