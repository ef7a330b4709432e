"""A project of one's own with an installed wheel: nothing is looked for in the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from deltalake import DeltaTable

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TRAINING = """
import warnings

warnings.simplefilter("ignore")
import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

days = pd.read_csv("inputs/rain.csv")
inputs = days[["wind"]]
model = LinearRegression().fit(inputs, days["Rain (mm)"])
mlflow.set_tracking_uri("sqlite:///warehouse/mlflow.db")
mlflow.create_experiment("rain", artifact_location="warehouse/models")
mlflow.set_experiment("rain")
mlflow.sklearn.log_model(
    model, name="m", signature=infer_signature(inputs, model.predict(inputs)), registered_model_name="rain",
    pip_requirements=["scikit-learn"],
)
mlflow.MlflowClient().set_registered_model_alias("rain", "champion", 1)
"""
AIRFLOW = """
from pathlib import Path
import sys

import dags
from dags.scoring.bundle import write_dag_files

assert Path(dags.__file__).is_relative_to(sys.prefix), dags.__file__
print(*[file.name for file in write_dag_files(Path("conf"), Path("dag_files"))])
"""


class Installed:
    """An environment with the wheel, which finds all other packages in that of the tests, but not the repository.

    Args:
        root: where the environment is made.
        wheel: the distribution.
        packages: the folder of the other packages.
    """

    def __init__(self, root: Path, wheel: Path, packages: str) -> None:
        venv.create(root, symlinks=True)
        self.bin = root / "bin"
        site = next((root / "lib").glob("python*/site-packages"))
        uv = Path(sys.executable).with_name("uv")
        python = str(self.bin / "python")
        subprocess.run([uv, "pip", "install", "--quiet", "--no-deps", "--python", python, wheel], check=True)
        # Appended, and not read for its own .pth files: among these is the one that names the repository.
        (site / "others.pth").write_text(packages + "\n")

    def run(self, folder: Path, *command: str) -> str:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("LAKESCORE_", "PYTHONPATH"))}
        program = self.bin / command[0]
        done = subprocess.run(
            [str(program), *command[1:]], cwd=folder, env=own, capture_output=True, text=True, check=False, timeout=400
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    source = tmp_path_factory.mktemp("source")
    for name in ("setup.py", "README.md", "pyproject.toml", "lakescore", "pipelines", "jobs", "dags"):
        subprocess.run(["cp", "-r", str(ROOT / name), str(source)], check=True)
    uv = Path(sys.executable).with_name("uv")
    build: list[str | Path] = [uv, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*build, "--out-dir", folder], cwd=source, check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_a_project_outside_the_repository_from_new_to_report(wheel: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path / "environment", wheel, sysconfig.get_path("purelib"))
    where = installed.run(tmp_path, "python", "-c", "import pipelines, jobs; print(pipelines.__file__, jobs.__file__)")
    assert str(ROOT) not in where
    assert "wrote     rain/conf/environments/local.yaml" in installed.run(tmp_path, "lakescore", "new", "rain")
    project = tmp_path / "rain"
    (project / "inputs/rain.csv").write_text(
        "day,Station No,wind,Rain (mm)\n"
        + "".join(f"2024-03-{day:02},0{number},{number}.5,{day + number}\n" for day in (1, 2) for number in range(20))
    )
    (project / "train.py").write_text(TRAINING)
    installed.run(project, "python", "train.py")
    made = installed.run(project, "lakescore", "init", "rain", "--source", "rain.csv", "--model", "rain@champion")
    assert "rain: made, checked and planned; 20 rows scored to nothing" in made
    assert "station_no is the tables' name for 'Station No'" in made
    installed.run(project, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert "20 = 20 scored + 0 quarantined" in installed.run(
        project, "lakescore", "score", "rain", "--date", "2024-03-02"
    )
    rows = DeltaTable(project / "warehouse/rain/predictions").to_pyarrow_table().to_pylist()
    assert sorted(row["station_no"] for row in rows) == sorted(f"0{number}" for number in range(20))
    assert "scored" in installed.run(project, "lakescore", "why", "--quick", "rain", "07")
    installed.run(project, "lakescore", "report", "rain")
    assert "2024-03-02" in (project / "report-rain.html").read_text(encoding="utf-8")


def test_the_airflow_bundle_is_found_outside_the_repository(wheel: Path, tmp_path: Path) -> None:
    packages = next((ROOT / ".venv-airflow/lib").glob("python*/site-packages"))
    installed = Installed(tmp_path / "environment", wheel, str(packages))
    folder = tmp_path / "rain"
    (folder / "conf/pipelines").mkdir(parents=True)
    (folder / "conf/pipelines/rain.yaml").write_text("name: rain\n")
    assert installed.run(folder, "python", "-c", AIRFLOW).split() == ["rain.py"]
