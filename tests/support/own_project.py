"""A project without a pipeline, for tests of `init`: an environment, and a registry that models are trained into."""

from __future__ import annotations

import datetime as dt
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipelines.config import Project, load_project
from pipelines.config.models import Model
from support.registries import use_registry
from support.small_project import SPARK

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

    from pipelines.onboarding.initializing import Initialized

TODAY = dt.date(2026, 11, 22)


@dataclass(frozen=True)
class Own:
    """A project without a pipeline, and a registry with models.

    Args:
        root: its folder.
    """

    root: Path

    @property
    def project(self) -> Project:
        return load_project(self.root / "conf", "local")

    def init(self, spark: SparkSession, name: str, source: str, model: str, **wishes: Any) -> Initialized:
        """What `lakescore init` makes, with version 1 of a model."""
        from pipelines.onboarding.initializing import Wish, initialize

        ask = wishes.pop("ask", None)
        allowed: dict[str, Any] = dict.fromkeys(wishes.pop("model_allows", ()), True)
        wish = Wish(name, source, Model(name=model, version=1, **allowed), **wishes)
        return initialize(lambda: spark, self.project, wish, ask, TODAY)

    def written(self) -> list[str]:
        """The files of pipelines and suites."""
        return sorted(
            str(file.relative_to(self.root)) for file in self.root.glob("conf/[pe]*/*") if file.stem != "local"
        )

    def forget(self) -> Own:
        """The project without the pipelines that earlier tests made."""
        for file in self.written():
            (self.root / file).unlink()
        return self


def make_own_project(root: Path) -> Own:
    """The project, with an empty registry that MLflow writes to from now on."""
    import mlflow

    (root / "conf/environments").mkdir(parents=True)
    (root / "inputs").mkdir()
    roots = {"warehouse": f"{root}/warehouse", "inputs": f"{root}/inputs", "cache": f"{root}/cache"}
    environment: dict[str, Any] = {**roots, "tracking_uri": f"sqlite:///{root}/mlflow.db", "spark": SPARK}
    (root / "conf/environments/local.yaml").write_text(yaml.safe_dump(environment))
    use_registry(environment["tracking_uri"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's and Great Expectations' own, as they are imported
        import great_expectations  # noqa: F401

        mlflow.create_experiment("own", artifact_location=(root / "artifacts").as_uri())
        mlflow.set_experiment("own")
    return Own(root)


def register(flavor: Any, model: Any, inputs: pd.DataFrame, target: Any, name: str) -> None:
    """Train a model and register it with the signature of its inputs."""
    from mlflow.models import infer_signature

    model.fit(inputs, target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signature = infer_signature(inputs, model.predict(inputs))
        fitted = getattr(model, "fitted", model)
        flavor.log_model(fitted, name="m", signature=signature, registered_model_name=name, pip_requirements=["pandas"])
