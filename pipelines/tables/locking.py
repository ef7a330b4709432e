"""Operating-system locks on local disks, where Delta's own commits are not exclusive; they end with their process."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import ConflictError, TableError
from pipelines.tables.locations import local_path

if TYPE_CHECKING:
    from filelock import BaseFileLock

LONGEST_WAIT_SECONDS = 900.0
POLL_SECONDS = 0.01


@contextmanager
def table_lock(location: str, longest_wait: float = LONGEST_WAIT_SECONDS) -> Iterator[None]:
    """Hold the table's lock while it is written or maintained. Does nothing on an object store.

    Raises:
        ConflictError: another process holds it for longer than `longest_wait` seconds.
    """
    folder = local_path(location)
    if folder is None:
        yield
        return
    from filelock import FileLock, Timeout

    lock = FileLock(_place_for(_lock_file(folder)))
    try:
        lock.acquire(timeout=longest_wait, poll_interval=POLL_SECONDS)
    except Timeout as error:
        raise ConflictError(
            f"another process has held the lock of {location} for {longest_wait:g} seconds",
            expected="the other writer to finish",
            remedy="see `lakescore runs` for what is running, and run again",
        ) from error
    try:
        yield
    finally:
        lock.release()


class RunLock:
    """Tells other processes that a run is alive. On an object store nothing can tell, and a run counts as alive."""

    def __init__(self, stages: str, run_id: str) -> None:
        from filelock import FileLock

        folder = local_path(stages)
        self._lock: BaseFileLock | None = (
            None if folder is None else FileLock(_lock_file(folder / run_id), thread_local=False)
        )

    @property
    def tells(self) -> bool:
        """Whether a lock that cannot be taken means that its run is alive."""
        return self._lock is not None

    def is_held(self) -> bool:
        """Whether some process holds it; takes nothing, and needs no more than to read."""
        if self._lock is None:
            return False
        try:
            with Path(self._lock.lock_file).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:  # held, or not ours to look into
            return True
        return False

    def acquire(self) -> bool:
        """Take the lock if no process holds it; whether it is held now."""
        from filelock import Timeout

        if self._lock is None:
            return False
        _place_for(self._lock.lock_file)
        try:
            self._lock.acquire(timeout=0)
        except (Timeout, PermissionError):  # another user's process, running or not, is not ours to end
            return False
        return True

    def release(self) -> None:
        """Give the lock back and remove its file."""
        if self._lock is not None and self._lock.is_locked:
            Path(self._lock.lock_file).unlink(missing_ok=True)
            self._lock.release()


def _lock_file(folder: Path) -> str:
    return str(folder.parent / "_locks" / f"{folder.name}.lock")


def _place_for(file: str) -> str:
    """The lock's file, once there is a folder for it."""
    folder = Path(file).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TableError(
            f"{folder.parent} cannot be written",
            expected="a place that this user may write to",
            found=error,
            remedy="mend the environment's 'warehouse' or its permissions",
        ) from error
    return file
