"""A model in an environment of its own: built once over the network, used again, and scored with."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.errors import ModelError, SetupError
from pipelines.models.isolation import environment
from pipelines.models.isolation.environment import INSTALLED, environment_python
from pipelines.models.isolation.host_process import Host
from pipelines.models.isolation.requirements import mismatches

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

REQUIREMENTS = ("scikit-learn==1.7.2", "# the model's own")
HERE = platform.python_version()
TRAINING = """
import sys, warnings
import mlflow, numpy as np, pandas as pd, sklearn
from sklearn.linear_model import LogisticRegression
warnings.simplefilter("ignore")
rows = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 2)), columns=["age", "spend"])
model = LogisticRegression().fit(rows, rows["age"] + rows["spend"] > 0)
mlflow.sklearn.save_model(model, sys.argv[1], pip_requirements=["scikit-learn==" + sklearn.__version__])
rows.to_parquet(sys.argv[2])
np.save(sys.argv[3], model.predict_proba(rows))
print(sklearn.__version__)
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def python(cache: Path) -> Path:
    """The built environment's Python; asked for by two at once."""
    found: list[Path] = []

    def ask() -> None:
        found.append(environment_python(REQUIREMENTS, HERE, cache))

    both = [threading.Thread(target=ask) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(found) == 2
    assert found[0] == found[1]
    return found[0]


def no_uv(*arguments: str) -> str:
    pytest.fail(f"uv was called: {arguments}")


def test_a_model_of_another_scikit_learn_scores_as_where_it_was_trained(python: Path, tmp_path: Path) -> None:
    assert [item.package for item in mismatches(REQUIREMENTS, HERE)] == ["scikit-learn"]
    model, rows, probabilities = tmp_path / "model", tmp_path / "rows.parquet", tmp_path / "probabilities.npy"
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    trained = subprocess.run(
        [str(python), "-c", TRAINING, str(model), str(rows), str(probabilities)],
        capture_output=True, text=True, check=False, env=settings, cwd=tmp_path,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert trained.stdout.split()[-1] == "1.7.2"
    with Host(python, model, timeout=120, restarts=0) as host:
        observed = host.predict(pq.read_table(rows), "predict_proba").restored()
        assert host.classes() == [False, True]
    np.testing.assert_allclose(observed, np.load(probabilities), rtol=1e-12)


def test_it_is_used_again_without_uv(python: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = python.parents[1] / INSTALLED
    before = marker.stat().st_mtime_ns
    monkeypatch.setattr(environment, "_uv", no_uv)
    again = environment_python(list(reversed(REQUIREMENTS)), HERE.rpartition(".")[0], cache)
    assert again == python
    assert marker.stat().st_mtime_ns == before
    assert "scikit-learn==1.7.2" in marker.read_text(encoding="utf-8")


def test_its_scripts_find_their_python_after_the_move(python: Path) -> None:
    told = subprocess.run([str(python.with_name("mlflow")), "--version"], capture_output=True, text=True, check=False)
    assert (told.returncode, "version" in told.stdout) == (0, True), told.stderr


def test_nothing_half_done_is_left_or_used(python: Path, cache: Path) -> None:
    folder = python.parents[1]
    assert sorted(item.name for item in folder.parent.iterdir()) == [folder.name, f"{folder.name}.lock"]
    (folder / INSTALLED).rename(folder / "away")
    left = folder.parent / f"{folder.name}.part-killed"
    left.mkdir()
    assert environment_python(REQUIREMENTS, HERE, cache) == python
    assert (folder / INSTALLED).is_file()
    assert not (folder / "away").exists()
    assert not left.exists()


def test_a_python_that_is_not_installed_is_told_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"made with Python 3\.5, which is not installed here") as caught:
        environment_python(REQUIREMENTS, "3.5.2", tmp_path)
    assert caught.value.found is not None
    assert HERE in caught.value.found
    assert [item.suffix for item in (tmp_path / "environments").iterdir()] == [".lock"]


def test_requirements_that_cannot_be_installed_are_told_in_few_lines(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be built") as caught:
        environment_python(["scikit-learn==0.0.999"], None, tmp_path)
    assert "scikit-learn==0.0.999" in str(caught.value)
    assert len(str(caught.value)) < 2500
    assert [item.suffix for item in (tmp_path / "environments").iterdir()] == [".lock"]


def test_a_missing_uv_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    with pytest.raises(SetupError, match="uv is not installed"):
        environment_python(["pandas"], None, tmp_path)
