"""A project of one's own, outside the repository: configuration, a test, and what a person reads first."""

from __future__ import annotations

import tempfile
from importlib import resources
from pathlib import Path

from pipelines.config.schema import write_schemas
from pipelines.errors import UsageError

TEMPLATES = {
    "environment.yaml": "conf/environments/local.yaml",
    "gitignore": ".gitignore",
    "readme.md": "README.md",
    "test_pipelines.txt": "tests/test_pipelines.py",
}
"""Each template, and the file that it becomes. None is named as what it is, so that no tool takes it for that."""
FOLDERS = ("conf/pipelines", "conf/expectations", "inputs")
REGISTRY = "warehouse"
"""The folder of the registry's database, which MLflow does not make; what it holds is not in version control."""


def make_project(folder: Path) -> list[Path]:
    """Make a project without a pipeline: all of its files, or none.

    Args:
        folder: the project's; not there yet, or empty.

    Returns:
        The files, in alphabetical order, relative to the folder.

    Raises:
        UsageError: something is there already, or the folder cannot be written.
    """
    place = folder.resolve()
    try:
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise UsageError(
                f"'{folder}' is there already, and not empty",
                expected="a folder that is not there yet, or an empty one",
                remedy="take another name; a project that is there goes on with `lakescore init`",
            )
        is_new = not place.exists()
        (place.parent if is_new else place).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".lakescore-new-", dir=place.parent if is_new else place) as aside:
            made = Path(aside) / "project"
            _write(made, place.name)
            if is_new:
                made.rename(place)
            else:  # one that is there may be where a shell stands: it stays itself
                for child in made.iterdir():
                    child.rename(place / child.name)
    except OSError as error:
        raise UsageError(
            f"'{folder}' cannot be made", expected="a place to write to", found=error.strerror or error
        ) from error
    return sorted(file.relative_to(place) for file in place.rglob("*") if file.is_file())


def _write(root: Path, name: str) -> None:
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
        (root / folder / ".gitkeep").touch()
    (root / REGISTRY).mkdir()
    for template, file in TEMPLATES.items():
        text = resources.files(__package__).joinpath("templates", template).read_text(encoding="utf-8")
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text.replace("PROJECT_NAME", name), encoding="utf-8")
    write_schemas(root / "conf" / "schema")
