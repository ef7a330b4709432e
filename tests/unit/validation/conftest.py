"""Great Expectations, imported once: it warns about its own dependencies while it is."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.validation.suite import Expectation, load_suite

Load = Callable[..., tuple[Expectation, ...]]


@pytest.fixture(scope="session", autouse=True)
def _great_expectations() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations.expectations  # noqa: F401


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write the expectations to a suite's file and load it."""

    def loaded(*items: Any) -> tuple[Expectation, ...]:
        file = tmp_path / "suite.json"
        file.write_text(json.dumps({"name": "suite", "expectations": items}), encoding="utf-8")
        return load_suite(file)

    return loaded
