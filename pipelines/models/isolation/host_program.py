"""The program of a model host: loads one model and answers requests for its predictions over pipes.

It runs in the model's own environment, as `python host.py FOLDER`: Python 3.9 or later with mlflow, pandas, numpy and
pyarrow, without this project. A message is a prefix (`PREFIX`: the header's and the body's length in bytes), the
header as JSON, and the body as an Arrow IPC stream. The host says once that it is ready, then answers each request.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import struct
import sys
import threading
import traceback
from typing import Any, NoReturn

PREFIX = struct.Struct(">IQ")
ALIGNMENT = 64
"""Arrow reads its buffers in place where the body begins at a multiple of this many bytes."""
LONGEST_TEXT = 2000
"""Characters of an exception's text: a model may quote a whole frame in it."""


Header = dict[str, Any]
"""What goes before a table in a message: JSON."""


def header_bytes(header: Header, body_length: int) -> bytes:
    """Prefix and header of a message, padded so that the body after them is aligned.

    Args:
        header: a dict that JSON can hold.
        body_length: the bytes that follow.
    """
    text = json.dumps(header).encode()
    text += b" " * (-(PREFIX.size + len(text)) % ALIGNMENT)
    return PREFIX.pack(len(text), body_length) + text


def main(folder: str) -> int:
    """Answer requests until the caller closes its end, which also happens when it is killed."""
    requests, answers = _own_pipes()
    # The script's folder holds modules of the project, whose names would hide those of a model.
    sys.path[:] = [entry for entry in sys.path if entry != os.path.dirname(os.path.abspath(__file__))]  # noqa: PTH100, PTH120
    try:
        model = _load(folder)
    except Exception as error:  # whatever the model's code raises
        _send(answers, _failure(error))
        return 1
    _send(answers, {"ready": True})
    waiting: queue.Queue[tuple[Header, bytes]] = queue.Queue()
    threading.Thread(target=_receive, args=(requests, waiting), daemon=True).start()
    while True:
        header, body = waiting.get()
        table: Any = None
        try:
            answer, table = _answer(model, header, body)
        except Exception as error:  # the model's own; the next batch may do well
            answer = _failure(error)
        _send(answers, answer, table)


def _own_pipes() -> tuple[int, int]:
    """Keep the pipes for messages alone: what the model prints goes to stderr, and it finds nothing to read."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _load(folder: str) -> Any:
    import mlflow.pyfunc
    import pyarrow as pa

    pa.set_cpu_count(1)
    return mlflow.pyfunc.load_model(folder)


def _receive(requests: int, waiting: queue.Queue[tuple[Header, bytes]]) -> NoReturn:
    """Read requests in a thread of its own, so that the end of the caller is seen while the model computes."""
    with os.fdopen(requests, "rb") as stream:
        while True:
            prefix = stream.read(PREFIX.size)
            if len(prefix) < PREFIX.size:
                _leave()
            header_length, body_length = PREFIX.unpack(prefix)
            header, body = stream.read(header_length), stream.read(body_length)
            if len(body) < body_length:
                _leave()
            waiting.put((json.loads(header), body))


def _leave() -> NoReturn:
    """End at once, whatever the model is doing, with the processes that it started."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _send(answers: int, header: Header, table: Any = None) -> None:
    body = b"" if table is None else stream(table)
    for part in (header_bytes(header, len(body)), body):
        left = memoryview(part)
        while left:
            left = left[os.write(answers, left) :]


def stream(table: Any) -> Any:
    """An Arrow table as the body of a message."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _failure(error: Exception) -> Header:
    traceback.print_exc()
    text = str(error)
    if len(text) > LONGEST_TEXT:
        text = text[: LONGEST_TEXT - 1] + "…"
    return {"failed": type(error).__name__, "text": text}


def _answer(model: Any, header: Header, body: bytes) -> tuple[Header, Any]:
    if header["request"] == "classes":
        classes = _classifier(model).classes_
        if isinstance(classes, list) or gives_many_labels(_classifier(model)):
            raise TypeError("the model has several outputs: take each by result 'predict' and its column's number")
        return _packed([_plain(item) for item in classes])
    import pyarrow as pa

    table = pa.ipc.open_stream(pa.py_buffer(body)).read_all()
    has_maps = any("map<" in str(field.type) for field in table.schema)  # an Arrow before 13 makes no dicts of them
    frame = table.to_pandas(maps_as_pydicts="strict") if has_maps else table.to_pandas()
    if header["method"] == "predict_proba":
        return _packed(_classifier(model).predict_proba(frame))
    if header["params"] is None:  # MLflow before 2.6 knows no params
        return _packed(model.predict(frame))
    return _packed(model.predict(frame, params=header["params"]))


def _classifier(model: Any) -> Any:
    """The model as its library made it; a Python function of the user's own has none below it."""
    try:
        native = model.get_raw_model()
    except NotImplementedError:
        native = model
    except AttributeError:  # MLflow that has no get_raw_model yet keeps the model in its wrapper
        wrapper = getattr(model, "_model_impl", model)
        inner = [wrapper, *getattr(wrapper, "__dict__", {}).values()]
        native = next((item for item in inner if hasattr(item, "predict_proba") and hasattr(item, "classes_")), model)
    if not hasattr(native, "predict_proba"):
        raise AttributeError(f"{type(native).__name__} has no predict_proba")
    return native


def _packed(result: Any) -> tuple[Header, Any]:
    """The kind of a result and its values as an Arrow table."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    if isinstance(result, pd.DataFrame):
        return {"kind": "frame"}, pa.Table.from_pandas(result)  # with its index: an order that the caller checks
    if isinstance(result, pd.Series):
        named = result.name is not None
        frame = result.to_frame(result.name if named else "values")
        return {"kind": "series", "named": named}, pa.Table.from_pandas(frame)
    if isinstance(result, (list, tuple)):
        return {"kind": "list"}, pa.table({"values": pa.array(result)})
    if isinstance(result, np.ndarray) and result.ndim == 1:
        return {"kind": "array"}, pa.table({"values": pa.array(result)})
    if isinstance(result, np.ndarray) and result.ndim == 2:  # noqa: PLR2004 - rows and columns
        cells = pa.array(np.ascontiguousarray(result).reshape(-1))
        return {"kind": "matrix"}, pa.table({"values": pa.FixedSizeListArray.from_arrays(cells, result.shape[1])})
    shape = f" of shape {result.shape}" if hasattr(result, "shape") else ""
    raise TypeError(f"the model returned a {type(result).__name__}{shape}: it cannot be sent as rows")


def gives_many_labels(classifier: Any) -> bool:
    """Whether a row may have any number of its labels: they are no classes, of which one is the likeliest."""
    last = classifier.steps[-1][1] if hasattr(classifier, "steps") else classifier
    binarizer = getattr(last, "label_binarizer_", None) or getattr(last, "_label_binarizer", None)
    return str(getattr(binarizer, "y_type_", "")).startswith("multilabel")


def _plain(item: Any) -> Any:
    return item.item() if hasattr(item, "item") else item


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
