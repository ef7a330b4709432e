"""What a run made now would not have in common with an earlier one of the same slice, by what their manifests fix."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from pipelines.resolution.manifest import Configuration, Manifest, ManifestSource, row_changing
from pipelines.tables.ledger import Entry
from pipelines.validation.verdict import Verdict

JUDGING = ("limits", "history", "empty")
"""Keys of a pipeline that change a run's verdict, but none of its rows."""


@dataclass(frozen=True)
class Changes:
    """What differs.

    Args:
        sources: the sources whose rows of the slice changed.
        configuration: the keys of the configuration that changed and that rows depend on.
        judging: those that only a verdict depends on.
        model: the versions, where the model's files are not the same.
        code: the code's versions, where they are not the same.
        packages: the packages of another version, with both.
    """

    sources: tuple[str, ...] = ()
    configuration: tuple[str, ...] = ()
    judging: tuple[str, ...] = ()
    model: str = ""
    code: str = ""
    packages: tuple[str, ...] = ()


def changes(then: Manifest, now: Manifest) -> Changes:
    """What differs between an earlier run's manifest and one made now."""
    model = ""
    if (then.model.name, then.model.digest) != (now.model.name, now.model.digest):
        model = f"{then.model.label} -> {now.model.label}"
    packages = {**then.packages, **now.packages}
    return Changes(
        sources=_differing(_fingerprints(then.sources), _fingerprints(now.sources)),
        configuration=_configuration(then.configuration, now.configuration),
        judging=tuple(
            key for key in JUDGING if then.configuration.pipeline.get(key) != now.configuration.pipeline.get(key)
        ),
        model=model,
        code="" if then.code_version == now.code_version else f"{then.code_version} -> {now.code_version}",
        packages=tuple(
            f"{name} {then.packages.get(name, 'none')} -> {now.packages.get(name, 'none')}"
            for name in packages
            if then.packages.get(name) != now.packages.get(name)
        ),
    )


def judging_of(ended: Entry, changed: Changes) -> tuple[str, ...]:
    """The keys that changed since a run, and that its verdict may depend on: `empty` where it had no row."""
    return tuple(key for key in changed.judging if key != "empty" or ended.rows_input == 0)


def is_rejected_by_history(ended: Entry) -> bool:
    """Whether a run was rejected by a gate that other slices decide too."""
    results = Verdict.from_json(ended.verdict).results
    return any(result.check_id.startswith("history:") and not result.success for result in results)


def _fingerprints(sources: Sequence[ManifestSource]) -> dict[str, str]:
    return {source.name: source.fingerprint for source in sources}


def _configuration(then: Configuration, now: Configuration) -> tuple[str, ...]:
    try:
        before = row_changing(then)
    except ValidationError:  # written by another release
        return ("configuration",)
    return _differing(_plain(before), _plain(row_changing(now)))


def _differing(then: Mapping[str, object], now: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(name for name in {**now, **then} if then.get(name) != now.get(name))


def _plain(content: Mapping[str, object]) -> dict[str, object]:
    """As it is after it went through JSON, as the ledger's was."""
    plain: dict[str, object] = json.loads(json.dumps(content, default=str))
    return plain
