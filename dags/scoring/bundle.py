"""One DAG file a pipeline, written from the configuration, so that a broken YAML takes no other DAG with it.

Airflow keeps import errors by file, and takes all DAGs of a file that has one for gone. So each YAML has a file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle

from dags.scoring.environment import configuration_folder

TEMPLATE = '''"""The Airflow DAG of the pipeline {name}: written from the YAML below; a change belongs there."""

from dags.scoring.factory import pipeline_dag

dag = pipeline_dag({name!r})

{comment}
'''


class PipelinesBundle(BaseDagBundle):
    """The DAGs of all pipelines in `conf/pipelines`.

    Args:
        conf: the configuration folder; by default `LAKESCORE_CONF`, else the `conf` beside `dags`.
        settings: as for every bundle of Airflow.
    """

    def __init__(self, *, conf: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self._conf = configuration_folder(conf)

    @property
    def path(self) -> Path:
        """Where the DAG files are."""
        return Path(self.base_dir)

    def get_current_version(self) -> None:
        """None: what runs is pinned by each run's manifest."""

    def initialize(self) -> None:
        """Write the files: a worker may be on another machine than the DAG processor."""
        self.refresh()
        super().initialize()

    def refresh(self) -> None:
        """Write them anew where the configuration changed."""
        with self.lock():
            write_dag_files(self._conf, self.path)


def write_dag_files(conf: Path, folder: Path) -> list[Path]:
    """A DAG file for each pipeline's YAML; files of pipelines that are gone are removed.

    Args:
        conf: the configuration folder.
        folder: where the files go; others that are in it are left alone.

    Returns:
        All files of pipelines, in alphabetical order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {folder / f"{yaml.stem}.py": _dag_file(yaml) for yaml in sorted((conf / "pipelines").glob("*.yaml"))}
    beginning, _ = TEMPLATE.split("{name}", maxsplit=1)
    for file in folder.glob("*.py"):
        if file not in wanted and file.read_text(encoding="utf-8").startswith(beginning):
            file.unlink()
    for file, text in wanted.items():
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            unfinished = file.with_suffix(".unfinished")
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(file)
    return list(wanted)


def _dag_file(yaml: Path) -> str:
    """The YAML goes with it: it is what Airflow's tab `Code` shows, and a change of it is a change of the file."""
    lines = yaml.read_text(encoding="utf-8", errors="replace").splitlines()
    return TEMPLATE.format(name=yaml.stem, comment="\n".join(f"# {line}".rstrip() for line in lines))


if __name__ == "__main__":
    # For an Airflow that takes DAGs from a folder only: `python -m dags.scoring.bundle FOLDER`.
    for written in write_dag_files(configuration_folder(), Path(sys.argv[1])):
        sys.stdout.write(f"{written}\n")
