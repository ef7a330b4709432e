"""The manifest: everything that fixes a run's result, resolved once at its start and frozen."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import platform
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from pipelines.config import FeatureFunction, Pipeline, Source
from pipelines.errors import TableError
from pipelines.inputs.pinning import PinnedSource
from pipelines.models.registry import RegisteredModel
from pipelines.resolution.versions import code_version, package_versions
from pipelines.tables.ledger import Entry
from pipelines.tables.stages import RUN_ID_TIME
from pipelines.validation.suite import Expectation


@dataclass(frozen=True)
class ManifestSource:
    """A source as a run read it.

    Args:
        name: as the configuration calls it.
        location: the table's, or the folder's of its files.
        format: `delta`, or that of the files.
        version: of a Delta table; None of files.
        fingerprint: tells whether the rows of the slice are the same.
    """

    name: str
    location: str
    format: str
    version: int | None
    fingerprint: str


@dataclass(frozen=True)
class ManifestModel:
    """A registered model as a run used it.

    Args:
        name: the registered model's.
        version: None where a repair entered the run, and the table does not tell.
        alias: by which it was found; None where a version was asked for.
        digest: of its files.
    """

    name: str
    version: int | None
    alias: str | None = None
    digest: str = ""

    @property
    def label(self) -> str:
        """Name and version, for people."""
        return f"{self.name} version {self.version}"


@dataclass(frozen=True)
class Configuration:
    """A pipeline's configuration as it was, whole, with the texts that it names.

    Args:
        pipeline: its file. As plain values: another release may have known other keys.
        query: the text of the SQL file.
        expectations: of the suite, each with its `check_id`.
        feature_source: the Python source of the feature function's module, where there is one.
    """

    pipeline: Mapping[str, Any]
    query: str | None = None
    expectations: Sequence[Mapping[str, Any]] = ()
    feature_source: str | None = None


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
    sources: tuple[ManifestSource, ...]
    model: ManifestModel
    configuration: Configuration
    configuration_digest: str
    code_version: str
    python: str
    packages: Mapping[str, str]

    def as_json(self) -> str:
        """All of it, in the configuration's order: a file without a header has its columns in that of `columns`."""
        parts = {"sources": [vars(one) for one in self.sources], "model": vars(self.model)}
        return json.dumps({**vars(self), **parts, "configuration": vars(self.configuration)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The manifest that `as_json` wrote. What another release knew besides is left out.

        Raises:
            TableError: it lacks something that every release has written.
        """
        try:
            said = json.loads(text)
            return cls(
                **{
                    **_known(cls, said),
                    "sources": tuple(ManifestSource(**_known(ManifestSource, one)) for one in said["sources"]),
                    "model": ManifestModel(**_known(ManifestModel, said["model"])),
                    "configuration": Configuration(**_known(Configuration, said["configuration"])),
                }
            )
        except (ValueError, KeyError, TypeError) as error:
            raise TableError(
                "a manifest in the ledger cannot be read",
                expected="the JSON that a run wrote",
                found=f"{type(error).__name__}: {error}",
                remedy="look at the ledger's row; `lakescore repair` enters runs anew that it does not know",
            ) from error

    def commit_metadata(self) -> dict[str, object]:
        """What a predictions commit says of its run."""
        return {
            "run_id": self.run_id,
            "run_key": self.run_key,
            "fence": self.fence,
            "model_version": self.model.version,
            "model_digest": self.model.digest,
            "sources": {source.name: source.version for source in self.sources},
            "code_version": self.code_version,
        }


def manifest_of(entry: Entry) -> Manifest | None:
    """The manifest of a run; None where a repair entered it.

    Raises:
        TableError: it cannot be read.
    """
    return None if entry.manifest is None else Manifest.from_json(entry.manifest)


def model_of(entry: Entry, manifest: Manifest | None) -> ManifestModel:
    """The model of a run, with or without its manifest."""
    return ManifestModel(entry.model_name, entry.model_version) if manifest is None else manifest.model


def _known(kind: type, said: Mapping[str, Any]) -> dict[str, Any]:
    """What a record has fields for."""
    return {field.name: said[field.name] for field in fields(kind) if field.name in said}


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
    configuration = Configuration(
        pipeline=pipeline.model_dump(mode="json", exclude_defaults=True),
        query=query,
        expectations=[{"check_id": item.check_id, **item.as_json()} for item in suite],
        feature_source=feature_source,
    )
    return Manifest(
        run_id=new_run_id(now),
        run_key=_run_key(score_date, sources, model, configuration),
        pipeline=pipeline.name,
        score_date=score_date.isoformat(),
        timezone=pipeline.timezone,
        created_at=now.isoformat(),
        fence=fence,
        sources=tuple(
            ManifestSource(
                source.name, source.location, source.format, source.pinned.version, source.pinned.fingerprint
            )
            for source in sources
        ),
        model=ManifestModel(model.name, model.version, model.alias, model.digest),
        configuration=configuration,
        configuration_digest=_digest(vars(configuration)),
        code_version=code_version(),
        python=platform.python_version(),
        packages=package_versions(),
    )


def row_changing(configuration: Configuration) -> dict[str, object]:
    """The parts of a manifest's configuration that change rows, by name.

    Raises:
        pydantic.ValidationError: the configuration was written by another release, which knew other keys.
    """
    pipeline = Pipeline.model_validate(configuration.pipeline)
    features = pipeline.features
    return {
        "source": {name: _row_changing_source(source) for name, source in pipeline.source.tables.items()},
        "query": configuration.query,
        "key": pipeline.key,
        "features": features.function if isinstance(features, FeatureFunction) else features,
        "feature_source": configuration.feature_source,
        "expectations": configuration.expectations,
        "policy": pipeline.policy.model_dump(mode="json", exclude_defaults=True),
        "outputs": {name: output.model_dump(mode="json") for name, output in pipeline.outputs.items()},
        "params": pipeline.model.params,
        "personal": sorted(pipeline.personal),
        **({"key_from": pipeline.key_from} if pipeline.key_from else {}),
        # In another zone, times are of other days.
        **({"timezone": pipeline.timezone} if pipeline.timezone != "UTC" else {}),
    }


def _row_changing_source(source: Source) -> dict[str, object]:
    """What changes the rows of a source: of a text format also how it is read, and its columns in their order."""
    said = source.model_dump(mode="json", include={"format", "slice"})
    if not source.is_text:
        return said
    columns = [list(item) for item in source.columns.items()]
    return {**said, "text": source.text.model_dump(mode="json"), "columns": columns}


def _run_key(
    score_date: dt.date, sources: Sequence[PinnedSource], model: RegisteredModel, configuration: Configuration
) -> str:
    changing = {
        "score_date": score_date.isoformat(),
        "fingerprints": {source.name: source.pinned.fingerprint for source in sources},
        "model": {"name": model.name, "digest": model.digest},
    }
    return _digest({**changing, **row_changing(configuration)})


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
