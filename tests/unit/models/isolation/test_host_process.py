"""A model host: the model's own results over pipes, whatever the model prints, raises or breaks."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.models.artifact import read_artifact
from pipelines.models.isolation import host_program
from pipelines.models.isolation.host_process import Host, HostDied, HostFailed, HostResult, HostTimedOut
from pipelines.models.predictors import isolated
from pipelines.models.predictors.features import Features
from pipelines.models.predictors.outputs import WantedOutput, outputs_of, struct_type
from pipelines.models.workers.bisecting import score_batch
from unit.samples import classifier, training_rows

PYTHON = Path(sys.executable)
LOUD = "x" * 300_000
RESULTS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "frame": lambda rows: pd.DataFrame({"double": rows["age"] * 2, "text": rows["age"].astype(str)}),
    "series": lambda rows: rows.sort_values("age")["age"] * 2,
    "unnamed": lambda rows: pd.Series(rows["age"].to_numpy()),
    "array": lambda rows: rows["age"].to_numpy(dtype="float32"),
    "flags": lambda rows: rows["age"].to_numpy() > 50,
    "nan": lambda rows: np.where(rows["age"] > 50, np.nan, 1.0),
    "matrix": lambda rows: np.asfortranarray(rows[["age", "spend"]].to_numpy()),
    "list": lambda rows: [str(age) for age in rows["age"]],
}


def unruly() -> Any:
    """A model that does what its params say."""
    from mlflow.pyfunc.model import PythonModel

    results = RESULTS
    loud = LOUD

    class Unruly(PythonModel):
        def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
            import os
            import subprocess
            import sys
            import time

            match params["do"]:
                case "print":
                    print(loud)
                    os.write(1, b"raw")
                    subprocess.run(["echo", "child"], check=True)
                    assert sys.stdin.read() == ""
                case "raise":
                    raise ValueError("no such luck")
                case "exit":
                    print("about to leave")
                    os._exit(3)
                case "crash":
                    os.abort()
                case "hang":
                    subprocess.Popen(["sleep", "600"])
                    print("asleep")
                    time.sleep(600)
                case "cube":
                    return np.zeros((2, 2, 2))
                case "settings":
                    return [os.environ["OMP_NUM_THREADS"], os.environ.get("PYTHONPATH", "none"), *sys.path]
                case other if other in results:
                    return results[other](model_input)
            return model_input["age"].to_numpy()

    return Unruly()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A classifier and the unruly model."""
    import mlflow
    from mlflow.models import infer_signature

    root = tmp_path_factory.mktemp("isolated")
    frame = training_rows()[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # making the models is not what is tested
        mlflow.sklearn.save_model(
            classifier(), str(root / "classifier"), signature=infer_signature(frame), pip_requirements=["scikit-learn"]
        )
        mlflow.pyfunc.save_model(
            str(root / "unruly"),
            python_model=unruly(),
            signature=infer_signature(frame, params={"do": ""}),
            pip_requirements=["pandas"],
        )
    return {name: root / name for name in ("classifier", "unruly")}


@pytest.fixture(scope="module")
def steady(models: dict[str, Path]) -> Iterator[dict[str, Host]]:
    """Hosts that live as long as the tests: for what must not end them."""
    hosts = {name: Host(PYTHON, folder, timeout=60, restarts=0) for name, folder in models.items()}
    yield hosts
    for one in hosts.values():
        one.close()


@pytest.fixture
def rows() -> pd.DataFrame:
    return training_rows()[0].head(20)


@pytest.fixture
def table(rows: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(rows, preserve_index=False)


def is_alive(pid: int) -> bool:
    """Whether there is such a process; one that ended but was not waited for by its parent counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def members(group: int) -> list[int]:
    """The living processes of a group."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(folder.name))
    return found


def left(group: int, longest: float = 10.0) -> list[int]:
    """The processes of a group that still live when it had time to end."""
    deadline = time.monotonic() + longest
    while (found := members(group)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def ends(pid: int, longest: float = 10.0) -> bool:
    deadline = time.monotonic() + longest
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_alive(pid)


def test_a_classifier_answers_as_it_does_in_this_process(
    models: dict[str, Path], steady: dict[str, Host], table: pa.Table
) -> None:
    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(str(models["classifier"]))
    probabilities = steady["classifier"].predict(table, "predict_proba")
    labels = steady["classifier"].predict(table)
    assert (probabilities.kind, labels.kind) == ("matrix", "array")
    frame = table.to_pandas()  # laid out in memory as the host's is: another order of adding shows in the last bits
    np.testing.assert_array_equal(probabilities.restored(), model.get_raw_model().predict_proba(frame))
    np.testing.assert_array_equal(labels.restored(), model.predict(frame))
    assert steady["classifier"].classes() == [False, True]


@pytest.mark.parametrize("kind", RESULTS)
def test_every_kind_of_result_comes_back_as_the_model_returned_it(
    steady: dict[str, Host], rows: pd.DataFrame, table: pa.Table, kind: str
) -> None:
    observed = steady["unruly"].predict(table, params={"do": kind}).restored()
    expected = RESULTS[kind](table.to_pandas())
    assert type(observed) is type(expected)
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(observed, expected)
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(observed, expected)
    elif isinstance(expected, list):
        assert observed == expected
    else:
        assert observed.dtype == expected.dtype
        np.testing.assert_array_equal(observed, expected)


def test_no_rows_have_no_results(steady: dict[str, Host], table: pa.Table) -> None:
    result = steady["unruly"].predict(table.slice(0, 0), params={"do": "matrix"})
    assert result.restored().shape == (0, 2)


def test_objects_without_a_value_stay_so() -> None:
    result = HostResult("array", pa.table({"values": pa.array([1, None])}))
    assert result.restored().tolist() == [1, None]


def test_a_model_that_prints_and_reads_disturbs_nothing(
    steady: dict[str, Host], rows: pd.DataFrame, table: pa.Table
) -> None:
    for _ in range(2):
        observed = steady["unruly"].predict(table, params={"do": "print"}).restored()
        np.testing.assert_array_equal(observed, rows["age"].to_numpy())


def test_a_table_larger_than_a_pipe_goes_through(steady: dict[str, Host]) -> None:
    large = pa.table({"age": np.arange(300_000.0), "spend": np.arange(300_000.0)})
    observed = steady["unruly"].predict(large, params={"do": ""}).restored()
    np.testing.assert_array_equal(observed, np.arange(300_000.0))


def test_a_model_that_raises_is_told_and_its_host_lives_on(steady: dict[str, Host], table: pa.Table) -> None:
    steady["unruly"].start()
    before = steady["unruly"].pid
    with pytest.raises(HostFailed) as caught:
        steady["unruly"].predict(table, params={"do": "raise"})
    assert (caught.value.reason, caught.value.output) == ("ValueError", "no such luck")
    assert steady["unruly"].predict(table, params={"do": ""}).values.num_rows == table.num_rows
    assert steady["unruly"].pid == before


@pytest.mark.parametrize(
    ("method", "do", "expected"),
    [("predict", "cube", r"a ndarray of shape \(2, 2, 2\)"), ("predict_proba", "", "has no predict_proba")],
)
def test_what_cannot_be_answered_is_told(
    steady: dict[str, Host], table: pa.Table, method: Any, do: str, expected: str
) -> None:
    with pytest.raises(HostFailed, match=expected):
        steady["unruly"].predict(table, method, params={"do": do})


def test_params_that_json_cannot_hold_leave_the_host_alone(steady: dict[str, Host], table: pa.Table) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        steady["unruly"].predict(table, params={"do": object()})
    assert steady["unruly"].predict(table, params={"do": ""}).values.num_rows == table.num_rows


def test_the_host_has_one_thread_and_no_path_of_this_process(
    steady: dict[str, Host], table: pa.Table, monkeypatch: pytest.MonkeyPatch, models: dict[str, Path]
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/from/here")
    with Host(PYTHON, models["unruly"], timeout=60, restarts=0) as one:
        threads, path, *places = one.predict(table, params={"do": "settings"}).restored()
    assert (threads, path) == ("1", "none")
    assert str(Path(host_program.__file__).parent) not in places


@pytest.mark.parametrize(
    ("do", "expected"), [("exit", "ended with exit code 3 .*about to leave"), ("crash", "was killed by SIGABRT")]
)
def test_a_host_that_dies_is_told_and_replaced_as_often_as_allowed(
    models: dict[str, Path], table: pa.Table, do: str, expected: str
) -> None:
    with Host(PYTHON, models["unruly"], timeout=60, restarts=1) as one:
        with pytest.raises(HostDied, match=f"(?s){expected}"):
            one.predict(table, params={"do": do})
        assert one.pid is None
        assert one.predict(table, params={"do": ""}).values.num_rows == table.num_rows
        with pytest.raises(HostDied, match=f"(?s){expected}"):
            one.predict(table, params={"do": do})
        with pytest.raises(HostDied, match="the model host failed 2 times and is not started again"):
            one.predict(table, params={"do": ""})


def test_a_host_that_hangs_is_killed_with_what_it_started_and_replaced(
    models: dict[str, Path], table: pa.Table
) -> None:
    with Host(PYTHON, models["unruly"], timeout=2, restarts=1) as one:
        one.start()
        pid = one.pid
        assert pid is not None
        begin = time.monotonic()
        with pytest.raises(HostTimedOut, match=r"did not answer within 2 seconds: (?s:.*)asleep"):
            one.predict(table, params={"do": "hang"})
        assert time.monotonic() - begin < 10
        assert not left(pid)
        one.start()
        assert one.pid not in (None, pid)


def test_a_model_that_cannot_be_loaded_is_told(tmp_path: Path, table: pa.Table) -> None:
    with Host(PYTHON, tmp_path, timeout=60, restarts=0) as one:
        with pytest.raises(HostFailed, match="MlflowException"):
            one.predict(table)
        assert one.pid is None


def test_a_python_that_is_not_there_or_lacks_mlflow_is_told(tmp_path: Path, table: pa.Table) -> None:
    with pytest.raises(HostDied, match="cannot be started with /no/python"):
        Host(Path("/no/python"), tmp_path, timeout=60, restarts=0).start()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    with pytest.raises(HostFailed, match="ModuleNotFoundError: No module named 'mlflow'"):
        Host(tmp_path / "bare" / "bin" / "python", tmp_path, timeout=60, restarts=0).start()


def test_closing_leaves_no_process(models: dict[str, Path]) -> None:
    one = Host(PYTHON, models["unruly"], timeout=60, restarts=0)
    one.close()
    one.start()
    pid = one.pid
    assert pid is not None
    assert is_alive(pid)
    one.close()
    assert (is_alive(pid), one.pid) == (False, None)


KILLED = """
import os, sys, threading
from pathlib import Path
import pyarrow as pa
from pipelines.models.isolation.host_process import Host
one = Host(Path(sys.executable), Path(sys.argv[1]), timeout=600, restarts=0)
one.start()
print(one.pid, flush=True)
one.predict(pa.table({"age": [1.0], "spend": [1.0]}), params={"do": sys.argv[2]})
sys.stdin.read()
"""


@pytest.mark.parametrize("do", ["", "hang"], ids=["idle", "computing"])
def test_a_host_does_not_outlive_a_caller_that_is_killed(models: dict[str, Path], do: str) -> None:
    root = str(Path(__file__).parents[3])
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(models["unruly"]), do],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}, text=True,
    ) as caller:  # fmt: skip
        assert caller.stdout is not None
        pid = int(caller.stdout.readline())
        time.sleep(0.5)
        assert is_alive(pid)
        caller.kill()
    assert ends(pid)
    assert not left(pid)


def test_the_errors_can_be_pickled() -> None:
    observed = pickle.loads(pickle.dumps(HostDied("it ended", "bye")))
    assert (str(observed), observed.reason, observed.output) == ("it ended: bye", "it ended", "bye")


def test_a_batch_that_kills_its_host_twice_ends_the_run_and_no_row_is_blamed(
    models: dict[str, Path], table: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "environment_python", lambda *_: PYTHON)  # this one; building is tested elsewhere
    made_with = read_artifact(models["unruly"], "m")
    wanted = [WantedOutput("p", "predict", pa.float64())]
    dying = isolated.Isolated(models["unruly"], made_with, isolated.Isolation("", 60), {"do": "exit"})
    with closing(dying), pytest.raises(isolated.IsolationError, match="ended with exit code 3"):
        score_batch(
            partial(outputs_of, dying, wanted=wanted),
            Features.of(table),
            struct_type(wanted),
            allowed=5,
            tells_values=False,
        )
