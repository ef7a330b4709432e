from __future__ import annotations

import threading
from pathlib import Path

from conftest import Configuration

from dags.scoring.bundle import PipelinesBundle, write_dag_files


def test_each_pipeline_has_a_file_and_one_that_is_gone_has_none(conf: Configuration, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    other = conf.pipeline("other")
    assert [file.name for file in write_dag_files(conf.folder, folder)] == ["good.py", "other.py"]
    other.unlink()
    (folder / "of_somebody_else.py").write_text("# theirs")
    assert [file.name for file in write_dag_files(conf.folder, folder)] == ["good.py"]
    assert sorted(file.name for file in folder.iterdir()) == ["good.py", "of_somebody_else.py"]


def test_a_file_is_written_anew_only_when_its_yaml_changed(conf: Configuration, tmp_path: Path) -> None:
    conf.pipeline("other")
    good, other = write_dag_files(conf.folder, tmp_path / "files")
    before = good.stat().st_mtime_ns, other.stat().st_mtime_ns
    conf.pipeline("other", description="changed")
    write_dag_files(conf.folder, tmp_path / "files")
    assert good.stat().st_mtime_ns == before[0]
    assert other.stat().st_mtime_ns > before[1]
    assert "# description: changed" in other.read_text()


def test_what_a_yaml_holds_stays_a_comment(conf: Configuration, tmp_path: Path) -> None:
    (conf.folder / "pipelines" / "odd.yaml").write_text('"""\nraise SystemExit\x0cimport os\r\n\xff')
    _, odd = write_dag_files(conf.folder, tmp_path / "files")
    code = [line for line in odd.read_text().splitlines() if line and not line.startswith("#")]
    assert len(code) == 3, code  # the docstring, the import, the DAG
    compile(odd.read_text(), str(odd), "exec")


def test_bundles_of_several_processes_may_write_at_once(conf: Configuration) -> None:
    bundles = [PipelinesBundle(name="at_once", conf=str(conf.folder)) for _ in range(8)]
    threads = [threading.Thread(target=bundle.initialize) for bundle in bundles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [file.name for file in bundles[0].path.iterdir()] == ["good.py"]
