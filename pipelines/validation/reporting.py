"""Results as Great Expectations writes them, and its Data Docs of them; for its ecosystem, outside of any run."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.validation.verdict import CheckResult

SITE = "lakescore"


@dataclass(frozen=True)
class JudgedRun:
    """A run, as a report tells of it.

    Args:
        run_id: its id.
        suite_name: the suite's.
        at: when it was judged.
        results: of its checks. The project's own gates, which no expectation stands behind, are not reported; of an
            expectation with `mostly` the rule's result is, which says the same as the gate beside it.
        meta: what else is said of the run.
    """

    run_id: str
    suite_name: str
    at: dt.datetime
    results: tuple[CheckResult, ...]
    meta: Mapping[str, object]

    @property
    def of_suite(self) -> list[CheckResult]:
        """The results of expectations."""
        return [result for result in self.results if result.expectation]


def suite_result(run: JudgedRun) -> dict[str, object]:
    """The results as an `ExpectationSuiteValidationResult` of Great Expectations, as JSON."""
    return dict(_validated(run).to_json_dict())


def build_data_docs(folder: Path, runs: Sequence[JudgedRun]) -> Path:
    """Great Expectations' Data Docs of runs, as pages in a folder.

    Args:
        folder: made where it is missing.
        runs: the runs; the suite's page is that of the last.

    Returns:
        The index page.
    """
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    for name in list(context.list_data_docs_sites()):
        context.delete_data_docs_site(name)
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.resolve())}
    index = {"class_name": "DefaultSiteIndexBuilder"}
    context.add_data_docs_site(SITE, {"class_name": "SiteBuilder", "store_backend": store, "site_index_builder": index})
    for suite in {run.suite_name: _suite(run) for run in runs}.values():
        context.suites.add(suite)
    for run in runs:
        key = ValidationResultIdentifier(
            expectation_suite_identifier=ExpectationSuiteIdentifier(name=run.suite_name),
            run_id=RunIdentifier(run_name=run.run_id, run_time=run.at),
            batch_identifier=run.run_id,
        )
        context.validation_results_store.add(key, _validated(run))
    context.build_data_docs(site_names=[SITE])
    return folder / "index.html"


def _suite(run: JudgedRun) -> Any:
    import great_expectations as gx
    from great_expectations.expectations import registry

    expectations = [
        registry.get_expectation_impl(item["type"])(**item["kwargs"], severity=item["severity"], meta=item["meta"])
        for item in (result.expectation for result in run.of_suite)
    ]
    return gx.ExpectationSuite(name=run.suite_name, expectations=expectations)


def _validated(run: JudgedRun) -> Any:
    from great_expectations import __version__
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
    from great_expectations.core.run_identifier import RunIdentifier

    results = run.of_suite
    held = sum(result.success for result in results)
    return ExpectationSuiteValidationResult(
        success=held == len(results),
        results=[_result(result) for result in results],
        suite_name=run.suite_name,
        suite_parameters={},
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": held,
            "unsuccessful_expectations": len(results) - held,
            "success_percent": held / len(results) * 100 if results else None,
        },
        meta={
            "great_expectations_version": __version__,
            "expectation_suite_name": run.suite_name,
            "run_id": RunIdentifier(run_name=run.run_id, run_time=run.at).to_json_dict(),
            "validation_time": run.at.isoformat(),
            **run.meta,
        },
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, run.run_id)),
    )


def _result(result: CheckResult) -> Any:
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    item = result.expectation
    return ExpectationValidationResult(
        success=result.success,
        expectation_config=ExpectationConfiguration(
            type=item["type"], kwargs=item["kwargs"], meta=item["meta"], severity=item["severity"]
        ),
        result=_counts(result) if result.element_count is not None else _observed(result),
        exception_info={"raised_exception": False, "exception_traceback": None, "exception_message": None},
        meta={"check_id": result.check_id, "action": result.action},
    )


def _counts(result: CheckResult) -> dict[str, object]:
    elements, missing, unexpected = result.element_count or 0, result.missing_count or 0, result.unexpected_count or 0
    judged = elements - missing
    percent = unexpected / judged * 100 if judged else None
    return {
        "element_count": elements,
        "unexpected_count": unexpected,
        "unexpected_percent": percent,
        "missing_count": missing,
        "missing_percent": missing / elements * 100 if elements else None,
        "unexpected_percent_total": unexpected / elements * 100 if elements else None,
        "unexpected_percent_nonmissing": percent,
    }


def _observed(result: CheckResult) -> dict[str, object]:
    observed: dict[str, object] = {
        "observed_value": result.observed if result.observed is not None else result.found or None
    }
    return observed if result.unexpected_count is None else {**observed, "unexpected_count": result.unexpected_count}
