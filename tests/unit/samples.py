"""Small real things to test with: pipelines as plain values, Delta tables, models, a registry."""

from __future__ import annotations

import copy
import datetime as dt
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml
from deltalake import write_deltalake
from support.registries import use_registry

from pipelines.config import Pipeline
from pipelines.models.lookup import FoundVersion

DAY_1, DAY_2, DAY_3 = dt.date(2013, 7, 1), dt.date(2013, 7, 2), dt.date(2013, 7, 3)
PIPELINE: dict[str, Any] = {
    "name": "churn",
    "source": {"tables": {"customers": {"path": "customers", "slice": {"column": "day"}}}},
    "key": ["customer"],
    "features": {"age": "age", "spend": "spend"},
    "model": {"name": "churn", "alias": "champion"},
    "outputs": {"prediction": {"type": "double"}},
}


def pipeline(**changes: Any) -> Pipeline:
    """A small pipeline with some of its keys replaced."""
    return Pipeline.model_validate({**copy.deepcopy(PIPELINE), **changes})


def change_yaml(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a YAML file as the mapping that it holds."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    change(content)
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def change_text(file: Path, old: str, new: str) -> None:
    """Replace a text that stands in the file exactly once."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def land(
    location: Path,
    rows: Mapping[dt.date, int],
    *,
    partitioned: bool = True,
    mode: Literal["append", "overwrite"] = "append",
) -> str:
    """Append days of rows to a Delta table in one commit; returns its location."""
    days = [day for day, count in rows.items() for _ in range(count)]
    table = pa.table({"day": pa.array(days, pa.date32()), "value": pa.array(range(len(days)), pa.int64())})
    write_deltalake(str(location), table, mode=mode, partition_by=["day"] if partitioned else None)
    return str(location)


def as_found(version: Any) -> FoundVersion:
    """A version as MLflow's client gives it, as a look into the registry without that should find it."""
    created, run_id = version.creation_timestamp, version.run_id or ""
    return FoundVersion(version.name, int(version.version), created, version.source, run_id)


@dataclass(frozen=True)
class Registry:
    """Where the models are registered: `churn` (versions 1 and 2, alias champion on 1), `unsigned`, `tensor`."""

    uri: str
    folder: Path


def training_rows() -> tuple[pd.DataFrame, pd.Series]:
    """Two features, and a class that follows the first."""
    random = np.random.default_rng(7)
    frame = pd.DataFrame({"age": random.uniform(18, 90, 200), "spend": random.uniform(0, 100, 200)})
    return frame, frame["age"] > 50


def classifier() -> Any:
    """A fitted scikit-learn pipeline that tells True from False."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression()).fit(*training_rows())


def register_models(folder: Path) -> Registry:
    """A new registry with its models."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    import mlflow
    from mlflow.models import infer_signature

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    use_registry(uri)
    mlflow.create_experiment("tests", artifact_location=(folder / "artifacts").as_uri())
    mlflow.set_experiment("tests")
    frame, _ = training_rows()
    model = classifier()
    signatures = {
        "churn": infer_signature(frame, model.predict(frame)),
        "unsigned": None,
        "tensor": infer_signature(frame.to_numpy(), model.predict(frame)),
    }
    for name in ("churn", "churn", "unsigned", "tensor"):
        mlflow.sklearn.log_model(
            model,
            name=name,
            registered_model_name=name,
            signature=signatures[name],
            pip_requirements=["scikit-learn"],
        )
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # None unsets it
    mlflow.set_registry_uri(None)  # type: ignore[arg-type]
    mlflow.MlflowClient(uri).set_registered_model_alias("churn", "champion", "1")
    mlflow.MlflowClient(uri).set_registered_model_alias("churn", "previous", "2")
    return Registry(uri, folder)
