"""What skops says of a file is asked once: it is kept by the model's content, and by skops's own release."""

from __future__ import annotations

import json
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from pipelines.errors import ModelError
from pipelines.models.skops_files import unpacked_size, untrusted_types
from unit.samples import classifier

LABEL = "model 'm' version 1"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as skops writes it."""
    from skops.io import dump  # type: ignore[import-untyped]

    place = tmp_path_factory.mktemp("skops") / "model.skops"
    dump(classifier(), place)
    return place


@pytest.fixture
def unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skops must not be asked."""

    def asked(**_: object) -> None:
        raise AssertionError("skops was asked")

    monkeypatch.setattr("skops.io.get_untrusted_types", asked)


def kept_in(findings: Path) -> Path:
    return findings / f"model.skops-skops-{version('skops')}.json"


def test_the_answer_is_kept(file: Path, tmp_path: Path) -> None:
    observed = untrusted_types(file, LABEL, tmp_path / "f")
    assert observed == untrusted_types(file, LABEL)
    assert [item.name for item in (tmp_path / "f").iterdir()] == [kept_in(tmp_path / "f").name]
    assert json.loads(kept_in(tmp_path / "f").read_text()) == list(observed)


@pytest.mark.usefixtures("unasked")
def test_what_is_kept_is_not_asked_again(file: Path, tmp_path: Path) -> None:
    kept_in(tmp_path).write_text('["os.system"]')
    assert untrusted_types(file, LABEL, tmp_path) == ("os.system",)


@pytest.mark.parametrize("content", ["", '["numpy.dty', "{}", "[1]", "null"])
def test_what_was_cut_short_is_asked_again(file: Path, tmp_path: Path, content: str) -> None:
    kept_in(tmp_path).write_text(content)
    expected = untrusted_types(file, LABEL)
    assert untrusted_types(file, LABEL, tmp_path) == expected
    assert json.loads(kept_in(tmp_path).read_text()) == list(expected)


def test_what_another_release_of_skops_said_does_not_count(file: Path, tmp_path: Path) -> None:
    (tmp_path / "model.skops-skops-0.1.json").write_text('["os.system"]')
    assert "os.system" not in untrusted_types(file, LABEL, tmp_path)


def test_a_cache_that_cannot_be_written_to_costs_no_run(file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert untrusted_types(file, LABEL, tmp_path / "file" / "below") == untrusted_types(file, LABEL)


def test_the_size_is_that_of_all_parts(file: Path) -> None:
    with zipfile.ZipFile(file) as opened:
        assert unpacked_size(file, LABEL) == sum(len(opened.read(name)) for name in opened.namelist())


def test_a_file_that_skops_did_not_write_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "model.skops"
    broken.write_bytes(b"no zip")
    for look in (unpacked_size, untrusted_types):
        with pytest.raises(ModelError, match="cannot be checked for the types that it holds"):
            look(broken, LABEL)
