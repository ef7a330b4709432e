"""A folder of configuration for each test: the real pipeline's, copied, to be broken as the test likes."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

# Before Airflow is imported: its folder is made then.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="lakescore-airflow-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACKS"] = "False"

ROOT = Path(__file__).parents[2]


class Configuration:
    """A configuration folder.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pipeline(self, name: str, **changes: Any) -> Path:
        """Write a pipeline: the flights' with another name, and these keys changed."""
        content = yaml.safe_load((ROOT / "conf" / "pipelines" / "flight_delays.yaml").read_text())
        file = self.folder / "pipelines" / f"{name}.yaml"
        file.write_text(yaml.safe_dump({**content, "name": name, **changes}, sort_keys=False))
        return file


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    """A folder with the environments and one pipeline, `good`; Airflow is told to take it."""
    folder = tmp_path / "conf"
    (folder / "pipelines").mkdir(parents=True)
    shutil.copytree(ROOT / "conf" / "environments", folder / "environments")
    shutil.copytree(ROOT / "conf" / "kubernetes", folder / "kubernetes")
    for name in ("LAKESCORE_WAREHOUSE", "LAKESCORE_INPUTS", "LAKESCORE_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LAKESCORE_CONF", str(folder))
    made = Configuration(folder)
    made.pipeline("good")
    return made
