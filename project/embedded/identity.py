"""Who PostgreSQL runs as: it refuses to be root, so root lends it a namespace of its own, or becomes `nobody`."""

import ctypes
import os
import pwd
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from project.embedded import process
from project.embedded.process import Command, stay_as_is

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWUSER = 0x10000000


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return entry.pw_uid, entry.pw_gid


# Read before any fork, as everything a child needs.
_NOBODY_UID, _NOBODY_GID = _nobody()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`uid` and `gid` own its files as this process sees them; `become` turns a child into it."""

    name: str
    uid: int
    gid: int
    become: Callable[[], None]


def _enter_namespace() -> None:
    """Root outside is an ordinary user inside: nothing is chowned, and a directory that only root may enter works."""
    uid, gid = os.geteuid(), os.getegid()
    if _LIBC.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{_NOBODY_UID} {uid} 1")
    _write("/proc/self/gid_map", f"{_NOBODY_GID} {gid} 1")


def _write(path: str, text: str) -> None:
    handle = os.open(path, os.O_WRONLY)
    os.write(handle, text.encode())
    os.close(handle)


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(_NOBODY_GID)
    os.setuid(_NOBODY_UID)


def myself() -> Identity:
    return Identity(name="myself", uid=os.geteuid(), gid=os.getegid(), become=stay_as_is)


def namespace() -> Identity:
    return Identity(name="namespace", uid=os.geteuid(), gid=os.getegid(), become=_enter_namespace)


def nobody() -> Identity:
    return Identity(name="nobody", uid=_NOBODY_UID, gid=_NOBODY_GID, become=_become_nobody)


def can_run(*, identity: Identity, program: Path, directory: Path) -> bool:
    """Whether `identity` is granted here, may execute `program`, and may enter `directory`."""

    def become_and_enter() -> None:
        identity.become()
        os.chdir(directory)

    try:
        done = process.run(Command(args=[str(program), "--version"], env={}, become=become_and_enter))
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def may_enter(*, directory: Path) -> bool:
    """Whether anybody may: the whole way down to `directory` is open to others."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (directory, *directory.parents))


def give(*, directory: Path, identity: Identity) -> None:
    """Hand a directory of ours with all its content to `identity`; nothing happens when it owns it already."""
    if directory.stat().st_uid == identity.uid or os.geteuid() != 0:
        return
    for folder, _, files in os.walk(directory):
        os.lchown(folder, identity.uid, identity.gid)
        for name in files:
            os.lchown(os.path.join(folder, name), identity.uid, identity.gid)
