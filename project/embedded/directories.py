"""The private directories of the embedded servers, and the lock that keeps a second service out of them."""

import fcntl
import os
import stat
from pathlib import Path
from typing import BinaryIO

from project.embedded import identity, paths
from project.embedded.errors import CannotStart

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def lock(*, data_dir: Path) -> BinaryIO:
    """Lock `data_dir` for as long as the returned file stays open.

    Raises CannotStart when another process holds the lock, or when other users may write in the directory.
    """
    make(data_dir)
    _check_guarded(data_dir.resolve())
    held = (data_dir / "lock").open("a+b")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.seek(0)
        owner = held.read().decode(errors="replace").strip() or "unknown"
        held.close()
        raise CannotStart(
            f"The data directory {data_dir} is in use by another Parley (process {owner}): stop it, or set DATA_DIR"
        ) from None
    held.truncate(0)
    held.write(f"{os.getpid()}\n".encode())
    held.flush()
    return held


def make(directory: Path) -> None:
    """Make a directory that only this user may enter. Raises CannotStart when the system refuses it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise CannotStart(f"Cannot make the directory {directory} ({exc.strerror}): set DATA_DIR to another") from None


def _check_guarded(directory: Path) -> None:
    """Raises CannotStart when other users may write in the directory: they could replace its files."""
    if directory.stat().st_mode & _OTHERS_WRITE:
        raise CannotStart(
            f"Other users may write in the data directory {directory}: "
            f"`chmod go-w {directory}`, or set DATA_DIR to a directory of your own"
        )


def exposed_above(*, data_dir: Path) -> Path | None:
    """The nearest parent in which other users may write, and so replace the data directory; usually None.

    This does not prevent a start: many containers and shared machines work below such a directory.
    """
    return next((folder for folder in data_dir.resolve().parents if _is_open_to_strangers(folder.stat())), None)


def _is_open_to_strangers(found: os.stat_result) -> bool:
    """Whether users outside our groups may write. Directories of our own groups and sticky ones (/tmp) do not count."""
    is_writable = bool(found.st_mode & stat.S_IWOTH)
    if found.st_mode & stat.S_IWGRP and found.st_gid not in {0, os.getegid(), *os.getgroups()}:
        is_writable = True
    return is_writable and not found.st_mode & stat.S_ISVTX


def make_socket_dir(*, data_dir: Path) -> Path:
    """Make the directory of both sockets. Raises CannotStart unless it is private: who reaches a socket is trusted."""
    directory = paths.socket_dir(data_dir)
    make(directory)
    found = directory.lstat()
    is_private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
    if not is_private or found.st_uid not in identity.possible_owners():
        raise CannotStart(f"{directory} must be a directory of your own with mode 0700: remove it and start again")
    return directory
