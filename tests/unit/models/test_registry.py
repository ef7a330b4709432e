"""The registry: what a name means right now, fetched once, and told apart by its content."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.errors import ModelError
from pipelines.models.registry import digest_of, resolve
from unit.samples import Registry


def refusal(uri: str, cache: Path, name: str = "churn") -> str:
    with pytest.raises(ModelError) as caught:
        resolve(uri, cache, name, alias="champion", version=None)
    return str(caught.value)


def test_an_alias_and_a_version_lead_to_the_same_model(registry: Registry, tmp_path: Path) -> None:
    by_alias = resolve(registry.uri, tmp_path, "churn", alias="champion", version=None)
    by_version = resolve(registry.uri, tmp_path, "churn", alias=None, version=1)
    assert (by_alias.version, by_alias.alias, by_version.alias) == (1, "champion", None)
    assert by_alias.digest == by_version.digest == digest_of(by_alias.folder)
    assert (by_alias.folder / "MLmodel").is_file()
    assert list((tmp_path / "models").iterdir()) == [by_alias.folder]


def test_a_process_without_a_registry_of_its_own_fetches_from_the_one_that_is_named(
    registry: Registry, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    program = (
        "import sys; from pathlib import Path; from pipelines.models.registry import resolve\n"
        "print(resolve(sys.argv[1], Path(sys.argv[2]), 'churn', alias='champion', version=None).version)"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    told = subprocess.run(
        [sys.executable, "-c", program, registry.uri, str(tmp_path / "cache")],
        cwd=here, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stdout.strip()) == (0, "1"), told.stderr
    assert list(here.iterdir()) == []


def test_versions_have_folders_of_their_own(registry: Registry, tmp_path: Path) -> None:
    first, second = (resolve(registry.uri, tmp_path, "churn", alias=None, version=number) for number in (1, 2))
    assert first.folder != second.folder
    assert resolve(registry.uri, tmp_path, "churn", alias="previous", version=None).version == 2


def test_a_missing_model_is_told_the_nearest_name(registry: Registry, tmp_path: Path) -> None:
    observed = refusal(registry.uri, tmp_path, "churm")
    assert "the registry has no model 'churm' with alias 'champion'" in observed
    assert "did you mean 'churn'?" in observed


def test_a_missing_alias_is_told_the_aliases_that_there_are(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no model 'churn' with alias 'challenger'") as caught:
        resolve(registry.uri, tmp_path, "churn", alias="challenger", version=None)
    assert "aliases: champion (version 1), previous (version 2)" in str(caught.value)


def test_a_missing_version_is_told_so(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no model 'churn' with version 9"):
        resolve(registry.uri, tmp_path, "churn", alias=None, version=9)


def test_a_model_without_aliases_is_told_so(registry: Registry, tmp_path: Path) -> None:
    assert "aliases: none" in refusal(registry.uri, tmp_path, "unsigned")


def test_a_registry_that_does_not_answer_is_told_within_a_minute(tmp_path: Path) -> None:
    begin = time.monotonic()
    observed = refusal("http://127.0.0.1:9", tmp_path)
    assert time.monotonic() - begin < 60
    assert "the model registry does not answer" in observed
    assert "expected: an MLflow registry at http://127.0.0.1:9" in observed
    assert "MLFLOW_TRACKING_URI" in observed


def test_a_store_below_a_regular_file_is_told_within_a_minute(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    begin = time.monotonic()
    observed = refusal(f"sqlite:///{tmp_path}/file/mlflow.db", tmp_path)
    assert time.monotonic() - begin < 60
    assert "the model registry does not answer" in observed


@pytest.mark.parametrize("password", ["s3cr3t", "s3cr3t@x"])
def test_a_password_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    observed = refusal(f"http://scorer:{password}@127.0.0.1:9", tmp_path)
    assert "127.0.0.1:9" in observed
    assert "s3cr3t" not in observed


def test_the_files_in_the_cache_are_used_the_second_time(registry: Registry, tmp_path: Path) -> None:
    first = resolve(registry.uri, tmp_path, "churn", alias=None, version=2)
    (first.folder / "mark").write_text("kept", encoding="utf-8")
    second = resolve(registry.uri, tmp_path, "churn", alias=None, version=2)
    assert second.folder == first.folder
    assert (second.folder / "mark").is_file()
    assert second.digest != first.digest


@pytest.fixture
def no_artifacts(registry: Registry) -> Iterator[None]:
    """The artifact store is away for a while."""
    (registry.folder / "artifacts").rename(registry.folder / "away")
    yield
    shutil.rmtree(registry.folder / "artifacts", ignore_errors=True)
    (registry.folder / "away").rename(registry.folder / "artifacts")


@pytest.mark.usefixtures("no_artifacts")
def test_files_that_are_not_there_are_told_and_leave_nothing_in_the_cache(registry: Registry, tmp_path: Path) -> None:
    """MLflow downloads nothing silently; a cached empty folder would outlive the mended store."""
    observed = refusal(registry.uri, tmp_path)
    assert "the files of model 'churn' version 1 cannot be downloaded" in observed
    assert list((tmp_path / "models").iterdir()) == []


def test_a_digest_changes_with_content_name_and_place_only(tmp_path: Path) -> None:
    def digest(**files: str) -> str:
        folder = tmp_path / f"m{len(list(tmp_path.iterdir()))}"
        for name, text in files.items():
            file = folder / name.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return digest_of(folder)

    expected = digest(a="1", b="2")
    assert digest(b="2", a="1") == expected
    others = [digest(a="1", b="3"), digest(a="1", c="2"), digest(a="2", b="1"), digest(a="1", x__b="2"), digest(a="1")]
    assert len({expected, *others}) == 6
