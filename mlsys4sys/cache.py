"""Where generated data, samples and calibrations are kept: the user's cache folder."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlsys4sys.errors import DataError


def folder(*parts: str) -> Path:
    """A folder for one purpose; made by whoever writes into it.

    ``MLSYS4SYS_CACHE`` names another place than the platform's (``~/.cache/mlsys4sys`` on Linux).
    """
    chosen = os.environ.get("MLSYS4SYS_CACHE")
    if chosen:
        return Path(chosen).joinpath(*parts)
    from platformdirs import user_cache_path

    return user_cache_path("mlsys4sys").joinpath(*parts)


def make_once(
    path: Path,
    make: Callable[[Path], None],
    *,
    intact: Callable[[Path], bool] = Path.exists,
    report: Callable[[str], None] | None = None,
) -> Path:
    """The file ``path``, made only if it is not there or not intact.

    It is written beside its place and then renamed, so that it is whole whenever it is there, also after a kill.
    Of several processes that want it one makes it and the others wait.

    Args:
        path: Where it is kept; the folder is made.
        make: Writes the whole file to the path it is given, and closes it.
        intact: Whether what is there can be used; what cannot is made anew.
        report: Told when another process is waited for.

    Raises:
        DataError: the folder cannot be written, or the disk is full.
    """
    if intact(path):
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path, report or (lambda _: None)):
            if not intact(path):
                _make(path, make)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from error
    return path


def _make(path: Path, make: Callable[[Path], None]) -> None:
    for left in path.parent.glob(f"{path.name}.*.partial*"):  # of a process that was killed
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        make(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _alone(path: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Inside, no other process of this user makes ``path``; the system lifts the lock if this one dies."""
    if sys.platform == "win32":  # two processes may both do the work; the rename keeps the file whole
        yield
        return
    import fcntl

    locks = folder("locks")
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / path.name).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"another process is making {path.name}: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
