"""What the distribution asks for: each package that it imports, and of Delta the version of the jar that it fetches."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pipelines.spark import DELTA_PACKAGE

ROOT = Path(__file__).parents[2]
OURS = {"lakescore", "pipelines", "jobs", "dags", "examples"}
OF_MODELS = {"catboost", "onnxruntime", "scikit-learn", "shap", "xgboost"}
"""Imported only where a model is of theirs."""
WITHIN = {"py4j": "pyspark", "pydantic-core": "pydantic", "markupsafe": "jinja2", "urllib3": "requests"}
"""Packages that another one shows as a part of itself."""
INSTALLED = importlib.metadata.packages_distributions()


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required(*extras: str) -> dict[str, Requirement]:
    """What `setup.py` asks for: always, and with these extras."""
    (call,) = [node for node in ast.walk(ast.parse((ROOT / "setup.py").read_text())) if isinstance(node, ast.Call)][:1]
    said = {item.arg: item.value for item in call.keywords}
    by_extra = ast.literal_eval(said["extras_require"])
    texts = [*ast.literal_eval(said["install_requires"]), *(text for extra in extras for text in by_extra[extra])]
    return {plain(found.name): found for found in map(Requirement, texts)}


def imported(folder: str) -> Iterator[str]:
    for file in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from (item.name for item in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                yield node.module


def distributions(module: str) -> set[str]:
    """Those that may have brought a module."""
    top, *below = module.split(".")
    if top == "airflow":  # in another environment
        provider = "-".join(below[1:])
        return {f"apache-airflow-providers-{provider}"} if below[0] == "providers" else {"apache-airflow"}
    found = {plain(name) for name in INSTALLED.get(top, [top])}
    return found | {WITHIN[name] for name in found & set(WITHIN)}


@pytest.mark.parametrize(("folder", "extra"), [("pipelines", "spark"), ("jobs", "spark"), ("dags", "airflow")])
def test_each_package_that_is_imported_is_asked_for(folder: str, extra: str) -> None:
    asked = required(extra)
    lacking = set()
    for module in imported(folder):
        if module.partition(".")[0] in sys.stdlib_module_names | OURS:
            continue
        found = distributions(module)
        # A provider's name begins the module's: apache-airflow-providers-http for airflow.providers.http.hooks.
        is_asked = any(name == one or name.startswith(f"{one}-") for name in found for one in asked)
        if not is_asked and not found & OF_MODELS:
            lacking.add(module)
    assert lacking == set()


def test_deltas_package_and_jar_are_of_one_version() -> None:
    assert str(required("spark")["delta-spark"].specifier) == f"=={DELTA_PACKAGE.rpartition(':')[2]}"
