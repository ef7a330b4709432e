"""Where tables and files are: local folders and object stores alike."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from pyarrow import fs


def below(root: str, name: str) -> str:
    """The place of a name below a root; a name that is absolute stays as it is.

    >>> below("s3://bucket/wh/", "flights"), below("/wh", "/other/flights")
    ('s3://bucket/wh/flights', '/other/flights')
    """
    return name if name.startswith("/") or "://" in name else f"{root.rstrip('/')}/{name}"


def local_path(location: str) -> Path | None:
    """The folder of a location on a local disk, or None where it is elsewhere.

    >>> local_path("file:/wh/a").as_posix(), local_path("s3://bucket/a")
    ('/wh/a', None)
    """
    if location.startswith("file:"):
        return Path(unquote(urlsplit(location).path))
    return None if "://" in location else Path(location)


def for_delta_rs(location: str) -> str:
    """The location as delta-rs spells it."""
    folder = local_path(location)
    return str(folder) if folder is not None else location.replace("s3a://", "s3://", 1)


def storage(location: str) -> fs.FileSystem:
    """A file system rooted at a location; a local folder is made where it is missing."""
    folder = local_path(location)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem())
    from deltalake.fs import DeltaStorageHandler

    return fs.PyFileSystem(DeltaStorageHandler(for_delta_rs(location)))


def read_text(location: str, name: str) -> str | None:
    """The text of a file below a location, or None where there is no such file."""
    folder = local_path(location)
    if folder is not None and not (folder / name).is_file():
        return None
    files = storage(location)
    if files.get_file_info(name).type != fs.FileType.File:
        return None
    with files.open_input_stream(name) as stream:
        return bytes(stream.read()).decode()


def write_text(location: str, name: str, text: str) -> None:
    """Write a file below a location: whole or not at all."""
    files = storage(location)
    part = f"{name}.part" if local_path(location) is not None else name
    with files.open_output_stream(part) as stream:
        stream.write(text.encode())
    if part != name:
        files.move(part, name)
