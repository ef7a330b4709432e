"""A model in a process of its own, which is fed over pipes."""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa

from pipelines.models.isolation import host_program

KEPT_OUTPUT = 4096
LONGEST_LOAD_SECONDS = 300.0
LONGEST_END_SECONDS = 5.0
READ_BYTES = 1 << 20
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "POLARS_MAX_THREADS",
        "LOKY_MAX_CPU_COUNT",
    ),
    "1",
)
"""Spark already runs a worker on each core."""


class HostError(RuntimeError):
    """A model host gave no result.

    Args:
        reason: what happened; holds no value of any row.
        output: the last that the host wrote to its stderr, or the exception's text; a model may quote rows in it.
    """

    def __init__(self, reason: str, output: str = "") -> None:
        super().__init__(reason, output)  # both are arguments, so that the exception can be pickled
        self.reason = reason
        self.output = output

    def __str__(self) -> str:
        return f"{self.reason}: {self.output}" if self.output else self.reason


class HostDied(HostError):
    """The host's process ended by itself, or may not be started any more."""


class HostTimedOut(HostError):
    """The host gave no answer in time and was killed."""


class HostFailed(HostError):
    """The model raised an exception; `reason` is its type, `output` its text. The host lives on."""


@dataclass(frozen=True)
class HostResult:
    """What a model returned.

    Args:
        kind: a pandas DataFrame or Series (with its index), a numpy array of one dimension or two, or a list.
        values: a frame's columns; else one column, of lists of one length where it is a matrix.
        named: whether a series has its column's name.
    """

    kind: Literal["frame", "series", "array", "matrix", "list"]
    values: pa.Table
    named: bool = True

    def restored(self) -> Any:
        """The values as the model returned them; text comes as objects, and rows keep the model's own order."""
        if self.kind == "frame":
            return self.values.to_pandas()
        if self.kind == "series":
            series = self.values.to_pandas().iloc[:, 0]
            return series if self.named else series.rename(None)
        column = self.values.column(0).combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # an older Arrow leaves even a single chunk in its list
            column = pa.concat_arrays(column.chunks)
        if self.kind == "list":
            return column.to_pylist()
        if self.kind == "matrix":
            return _array(column.flatten()).reshape(len(column), column.type.list_size)
        return _array(column)


def _array(column: pa.Array) -> Any:
    if column.null_count and not pa.types.is_temporal(column.type):  # a numpy array of objects held None
        return np.array(column.to_pylist(), dtype=object)
    return column.to_numpy(zero_copy_only=False)


def _program() -> list[str]:
    """The host as an interpreter's arguments: of a project that was sent in a zip there is no file to start.

    A model's own code is not compiled into its folder, whose digest others hold against what was looked up.
    """
    if Path(host_program.__file__).is_file():
        return ["-B", host_program.__file__]
    return [
        "-B",
        "-c",
        resources.files("pipelines.models.isolation").joinpath("host_program.py").read_text(encoding="utf-8"),
    ]


class Host:
    """One process that holds one model, started when it is first needed. For one thread of one process.

    The process ends with the caller: it watches its stdin, which the system closes where the caller is killed. After a
    failure of the process itself, the next request starts another one, `restarts` times in all.

    Args:
        python: the interpreter of the model's environment.
        folder: the model's.
        timeout: seconds to wait for the answer to a request.
        restarts: how often a process that died or was killed for its silence is replaced.
        load_timeout: seconds to wait until the model is loaded.
    """

    def __init__(
        self, python: Path, folder: Path, *, timeout: float, restarts: int, load_timeout: float = LONGEST_LOAD_SECONDS
    ) -> None:
        self._command = [str(python), *_program(), str(folder)]
        self._timeout = timeout
        self._restarts = restarts
        self._load_timeout = load_timeout
        self._failures = 0
        self._last: HostError | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._output = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The process's id while there is one."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process and load the model, unless that is done; `predict` and `classes` do so by themselves.

        Raises:
            HostDied: the process ended, or has done so too often to be started again.
            HostTimedOut: the model was not loaded in time.
            HostFailed: loading the model raised an exception.
        """
        if self._process is not None:
            return
        if self._failures > self._restarts:
            output = "" if self._last is None else str(self._last)
            raise HostDied(f"the model host failed {self._failures} times and is not started again", output)
        self._output = b""
        self._process = _started(self._command)
        answer, _ = self._exchanged([], self._load_timeout, "load the model")
        if "failed" in answer:
            error = HostFailed(answer["failed"], answer["text"])
            self._failed(error)
            raise error

    def predict(
        self,
        table: pa.Table,
        method: Literal["predict", "predict_proba"] = "predict",
        params: Mapping[str, Any] | None = None,
    ) -> HostResult:
        """What the model returns for the rows; as many as it likes: the caller compares.

        Args:
            table: the features.
            method: of the pyfunc model, or of the model as its library made it.
            params: the parameters of `predict`, as JSON can hold them.

        Raises:
            HostDied: the process ended, or has done so too often to be started again.
            HostTimedOut: no answer came in time.
            HostFailed: the model raised an exception.
        """
        request = {"request": "predict", "method": method, "params": None if params is None else dict(params)}
        answer, values = self._asked(request, host_program.stream(table))
        return HostResult(answer["kind"], values, answer.get("named", True))

    def classes(self) -> list[Any]:
        """The classes of a classifier, in the order of the columns of predict_proba.

        Raises:
            HostDied, HostTimedOut, HostFailed: as `predict` does.
        """
        _, values = self._asked({"request": "classes"}, b"")
        classes: list[Any] = values.column(0).to_pylist()
        return classes

    def forget_failures(self) -> None:
        """Start counting anew: for a caller that bounds them by batches."""
        self._failures = 0

    def close(self) -> None:
        """End the process; a later request would start one again."""
        if self._process is None:
            return
        stdin, stdout, _ = _pipes(self._process)
        stdin.close()
        _wait_for_end(stdout, LONGEST_END_SECONDS)
        self._end()

    def _asked(self, request: host_program.Header, body: Any) -> tuple[host_program.Header, pa.Table]:
        message = [host_program.header_bytes(request, len(body)), body]
        self.start()
        answer, values = self._exchanged(message, self._timeout, "answer")
        if "failed" in answer:
            raise HostFailed(answer["failed"], answer["text"])
        return answer, pa.ipc.open_stream(pa.py_buffer(values)).read_all()

    def _exchanged(self, message: Sequence[Any], limit: float, task: str) -> tuple[host_program.Header, memoryview]:
        """Send the message, wait for an answer, and meanwhile read what the host prints lest it wait for that."""
        try:
            return self._conversation(message, limit)
        except TimeoutError:
            self._end()
            error: HostError = HostTimedOut(f"the model host did not {task} within {limit:g} seconds", self._log_tail())
        except (EOFError, BrokenPipeError, ConnectionResetError):
            error = HostDied(f"the model host {self._end()} before it could {task}", self._log_tail())
        except BaseException:  # a half-read answer would be taken for that of the next request
            self._end()
            raise
        self._failed(error)
        raise error

    def _conversation(self, message: Sequence[Any], limit: float) -> tuple[host_program.Header, memoryview]:
        assert self._process is not None  # noqa: S101 - for mypy
        stdin, stdout, stderr = _pipes(self._process)
        deadline = time.monotonic() + limit
        unsent = [memoryview(part) for part in message if len(part)]
        answer = bytearray()
        with selectors.DefaultSelector() as selector:
            if unsent:
                selector.register(stdin, selectors.EVENT_WRITE)
            selector.register(stdout, selectors.EVENT_READ)
            selector.register(stderr, selectors.EVENT_READ)
            while not _is_whole(answer):
                left = deadline - time.monotonic()
                ready = {key.fileobj for key, _ in selector.select(left)} if left > 0 else set()
                if not ready:
                    raise TimeoutError
                if stderr in ready and not self._heard(stderr):
                    selector.unregister(stderr)
                if stdin in ready:
                    unsent[0] = unsent[0][os.write(stdin.fileno(), unsent[0]) :]
                    if not len(unsent[0]):
                        unsent.pop(0)
                    if not unsent:
                        selector.unregister(stdin)
                if stdout in ready:
                    received = os.read(stdout.fileno(), READ_BYTES)
                    if not received:
                        raise EOFError
                    answer += received
        header_length, _ = host_program.PREFIX.unpack_from(answer)
        begin = host_program.PREFIX.size + header_length
        return json.loads(bytes(answer[host_program.PREFIX.size : begin])), memoryview(answer)[begin:]

    def _heard(self, stderr: Any) -> bool:
        """Keep the last of what the host prints; whether there may be more."""
        heard = os.read(stderr.fileno(), READ_BYTES)
        self._output = (self._output + heard)[-KEPT_OUTPUT:]
        return bool(heard)

    def _log_tail(self) -> str:
        return self._output.decode(errors="replace").strip()

    def _failed(self, error: HostError) -> None:
        self._end()
        self._failures += 1
        self._last = error

    def _end(self) -> str:
        """Kill what is left of the process's own group and forget it; how it had ended."""
        process = self._process
        if process is None:
            return "had ended"
        self._process = None
        stderr = process.stderr
        with suppress(ProcessLookupError, PermissionError):  # macOS refuses where the group's members are dead
            os.killpg(process.pid, signal.SIGKILL)  # no other group has its id before it was waited for
        code = process.wait()
        with suppress(BlockingIOError):
            while self._heard(stderr):
                pass
        for pipe in _pipes(process):
            pipe.close()
        return f"ended with exit code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=_settings(),
            start_new_session=True,  # a group of its own, so that what the model starts ends with it
        )
    except OSError as error:
        raise HostDied(f"the model host cannot be started with {command[0]}", str(error)) from error
    for pipe in _pipes(process):
        os.set_blocking(pipe.fileno(), False)
    return process


def _pipes(process: subprocess.Popen[bytes]) -> tuple[Any, Any, Any]:
    return process.stdin, process.stdout, process.stderr


def _wait_for_end(stdout: Any, longest: float) -> None:
    """Wait until the process closes its end, which it never does before it ends."""
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        selector.select(longest)


def _is_whole(answer: bytearray) -> bool:
    if len(answer) < host_program.PREFIX.size:
        return False
    header_length, body_length = host_program.PREFIX.unpack_from(answer)
    return len(answer) >= host_program.PREFIX.size + int(header_length) + int(body_length)


def _settings() -> dict[str, str]:
    """The host's environment variables: without those that would lead it to this process's packages."""
    kept = {name: value for name, value in os.environ.items() if not re.match(r"PYTHON|VIRTUAL_ENV$|__PYVENV", name)}
    # Text and sets in an order that every run repeats, as in Spark's own workers; prints come out before a crash.
    python = {"PYTHONHASHSEED": "0", "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"}
    return {**kept, **python, **ONE_THREAD}
