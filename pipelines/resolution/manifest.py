"""The manifest: everything that fixes a run's result, resolved once at its start and frozen."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import platform
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.config import FeatureFunction, Pipeline, Source
from pipelines.inputs.pinning import PinnedSource
from pipelines.models.registry import RegisteredModel
from pipelines.resolution.versions import code_version, package_versions
from pipelines.tables.stages import RUN_ID_TIME
from pipelines.validation.suite import Expectation


@dataclass(frozen=True)
class Manifest:
    """What fixed a run's result.

    Args:
        run_id: the run's; runs sort by it in the order of their start.
        run_key: the digest of all that changes rows; runs of one key, code and packages give the same rows.
        fence: the number that orders attempts at the slice.
        sources: name, location, version and fingerprint of each.
        model: name, version, alias and digest.
        configuration: the pipeline's, whole, with the texts that it names.
        configuration_digest: SHA-256 of that.
        code_version: the distribution's version and a digest of its source.
        packages: the versions of those that may change a prediction.
    """

    run_id: str
    run_key: str
    pipeline: str
    score_date: str
    timezone: str
    created_at: str
    fence: int
    sources: list[dict[str, Any]]
    model: dict[str, Any]
    configuration: dict[str, Any]
    configuration_digest: str
    code_version: str
    python: str
    packages: dict[str, str]

    def as_json(self) -> str:
        """All of it, in the configuration's order: a file without a header has its columns in that of `columns`."""
        return json.dumps(vars(self))

    def commit_metadata(self) -> dict[str, Any]:
        """What a predictions commit says of its run."""
        return {
            "run_id": self.run_id,
            "run_key": self.run_key,
            "fence": self.fence,
            "model_version": self.model["version"],
            "model_digest": self.model["digest"],
            "sources": {source["name"]: source["version"] for source in self.sources},
            "code_version": self.code_version,
        }


def new_run_id(now: dt.datetime) -> str:
    """A run's id: the time of its start in UTC and eight random characters; 24 characters in all."""
    return f"{now:{RUN_ID_TIME}}-{secrets.token_hex(4)}"


def build_manifest(
    pipeline: Pipeline,
    score_date: dt.date,
    fence: int,
    sources: Sequence[PinnedSource],
    model: RegisteredModel,
    query: str | None,
    suite: Sequence[Expectation],
    feature_source: str | None,
) -> Manifest:
    """Freeze what was resolved.

    Args:
        pipeline: the configuration.
        score_date: the slice's.
        fence: the attempt's number.
        sources: pinned.
        model: looked up.
        query: the text of the SQL file.
        suite: the expectations.
        feature_source: the Python source of the feature function's module, where there is one.
    """
    now = dt.datetime.now(dt.UTC)
    configuration = {
        "pipeline": pipeline.model_dump(mode="json", exclude_defaults=True),
        "query": query,
        "expectations": [{"check_id": item.check_id, **item.as_json()} for item in suite],
        "feature_source": feature_source,
    }
    return Manifest(
        run_id=new_run_id(now),
        run_key=_run_key(score_date, sources, model, configuration),
        pipeline=pipeline.name,
        score_date=score_date.isoformat(),
        timezone=pipeline.timezone,
        created_at=now.isoformat(),
        fence=fence,
        sources=[
            {
                "name": source.name,
                "location": source.location,
                "format": source.format,
                "version": source.pinned.version,
                "fingerprint": source.pinned.fingerprint,
            }
            for source in sources
        ],
        model={"name": model.name, "version": model.version, "alias": model.alias, "digest": model.digest},
        configuration=configuration,
        configuration_digest=_digest(configuration),
        code_version=code_version(),
        python=platform.python_version(),
        packages=package_versions(),
    )


def row_changing(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a manifest's configuration that change rows, by name.

    Raises:
        pydantic.ValidationError: the configuration was written by another release, which knew other keys.
    """
    pipeline = Pipeline.model_validate(configuration["pipeline"])
    features = pipeline.features
    return {
        "source": {name: _row_changing_source(source) for name, source in pipeline.source.tables.items()},
        "query": configuration["query"],
        "key": pipeline.key,
        "features": features.function if isinstance(features, FeatureFunction) else features,
        "feature_source": configuration["feature_source"],
        "expectations": configuration["expectations"],
        "policy": pipeline.policy.model_dump(mode="json", exclude_defaults=True),
        "outputs": {name: output.model_dump(mode="json") for name, output in pipeline.outputs.items()},
        "params": pipeline.model.params,
        "personal": sorted(pipeline.personal),
        **({"key_from": pipeline.key_from} if pipeline.key_from else {}),
        # In another zone, times are of other days.
        **({"timezone": pipeline.timezone} if pipeline.timezone != "UTC" else {}),
    }


def _row_changing_source(source: Source) -> dict[str, Any]:
    """What changes the rows of a source: of a text format also how it is read, and its columns in their order."""
    said = source.model_dump(mode="json", include={"format", "slice"})
    if not source.is_text:
        return said
    columns = [list(item) for item in source.columns.items()]
    return {**said, "text": source.text.model_dump(mode="json"), "columns": columns}


def _run_key(
    score_date: dt.date, sources: Sequence[PinnedSource], model: RegisteredModel, configuration: dict[str, Any]
) -> str:
    changing = {
        "score_date": score_date.isoformat(),
        "fingerprints": {source.name: source.pinned.fingerprint for source in sources},
        "model": {"name": model.name, "digest": model.digest},
    }
    return _digest({**changing, **row_changing(configuration)})


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
