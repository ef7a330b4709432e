"""A model's folder as one file, to be shipped to executors."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile, ZipInfo


def packed(folder: Path) -> Path:
    """A zip archive of the folder, beside it; made once, and whole or not at all.

    Not compressed: model files hardly shrink, and executors read them at once.

    Args:
        folder: named by what is in it, so that an archive of that name stays true.
    """
    archive = folder.with_name(f"{folder.name}.zip")
    if archive.exists():
        return archive
    with TemporaryDirectory(dir=folder.parent, prefix="part-") as place:
        part = Path(place, archive.name)
        with ZipFile(part, "w") as file:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                with path.open("rb") as content, file.open(ZipInfo(path.relative_to(folder).as_posix()), "w") as entry:
                    shutil.copyfileobj(content, entry)
        part.replace(archive)
    return archive
