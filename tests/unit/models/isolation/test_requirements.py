"""A model's requirements against what is installed here."""

from __future__ import annotations

import platform
from importlib import metadata

import pytest

from pipelines.models.isolation.requirements import CANNOT_BE_COMPARED, Mismatch, as_table, mismatches

PYARROW = metadata.version("pyarrow")


def test_what_is_installed_is_no_mismatch() -> None:
    assert mismatches([f"pyarrow=={PYARROW}", "pandas", "numpy>=1,<100"], platform.python_version()) == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pyarrow==1.0", Mismatch("pyarrow", "==1.0", PYARROW)),
        ("PyArrow < 2, >= 1", Mismatch("pyarrow", "<2,>=1", PYARROW)),
        ("pyarrow[extra]==1.0", Mismatch("pyarrow", "==1.0", PYARROW)),
        ("No_Such.Package", Mismatch("no-such-package", "any version", None)),
        ("pyarrow @ https://example.org/pyarrow.whl", Mismatch("pyarrow", CANNOT_BE_COMPARED, PYARROW)),
        ("-e .", Mismatch("-e .", CANNOT_BE_COMPARED, None)),
        ("--index-url https://me:secret@h/s", Mismatch("--index-url https://…@h/s", CANNOT_BE_COMPARED, None)),
        ("code/own.whl", Mismatch("code/own.whl", CANNOT_BE_COMPARED, None)),
    ],
)
def test_a_requirement_that_is_not_met_says_what_is_wanted_and_found(line: str, expected: Mismatch) -> None:
    assert mismatches([line], None) == (expected,)


@pytest.mark.parametrize(
    "line",
    [
        "# nothing",
        "",
        "pyarrow  # any",
        f"PyArrow=={PYARROW}",
        "pyarrow==1.0 ; python_version < '3'",
        "pyarrow==1.0 ; extra == 'old'",
        "importlib_metadata",
    ],
)
def test_comments_markers_and_spelling_are_read_as_pip_does(line: str) -> None:
    assert mismatches([line], None) == ()


def test_continued_lines_and_hashes_belong_to_their_package() -> None:
    assert mismatches([f"pyarrow=={PYARROW} \\", "    --hash=sha256:ab \\", "    --hash=sha256:cd"], None) == ()


def test_an_installed_pre_release_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "2.0rc1")
    assert mismatches(["pyarrow>=1.0"], None) == ()


def test_a_version_without_an_order_is_a_mismatch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "home-made")
    assert mismatches(["pyarrow>=1.0"], None) == (Mismatch("pyarrow", ">=1.0", "home-made"),)


def test_of_python_only_major_and_minor_count() -> None:
    major, minor, _ = platform.python_version_tuple()
    assert mismatches([], f"{major}.{minor}.999") == ()
    assert mismatches([], f"{major}.{minor}") == ()
    assert mismatches([], "3.5.2") == (Mismatch("python", "3.5", platform.python_version()),)


def test_the_table_has_a_line_for_each_under_a_heading() -> None:
    found = [
        Mismatch("python", "3.5", "3.11.7"),
        Mismatch("shap", ">=0.40", None),
        Mismatch("-e .", CANNOT_BE_COMPARED, None),
    ]
    expected = [
        "package  wanted              found",
        "python   3.5                 3.11.7",
        "shap     >=0.40              not installed",
        "-e .     cannot be compared",
    ]
    assert as_table(found).splitlines() == expected
    assert as_table([]) == ""
