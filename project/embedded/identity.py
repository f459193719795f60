"""The identity that PostgreSQL runs as. It refuses to run as root, so root gives it a user namespace or an unused uid.

Not `nobody`: any other program of that user could connect to it, read its files and end it.
"""

import ctypes
import grp
import os
import pwd
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from project.embedded import process
from project.embedded.process import Command, keep_identity

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWUSER = 0x10000000


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return entry.pw_uid, entry.pw_gid


def _unused_id() -> int:
    """An id that no user and no group of this machine has, outside the ranges that systemd allocates."""
    users, groups = {entry.pw_uid for entry in pwd.getpwall()}, {entry.gr_gid for entry in grp.getgrall()}
    return next(number for number in range(_FIRST_OWN_ID, _FIRST_OWN_ID + 1_000) if number not in users | groups)


# Within the 65,536 ids that an unprivileged container has.
_FIRST_OWN_ID = 59_100
# Read before any fork: between fork and exec a child must not look anything up.
_NOBODY_UID, _NOBODY_GID = _nobody()
_OWN_ID = _unused_id()
OWN_USER = "own_user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`uid` and `gid` own its files, as this process sees them. `become` changes a child to it, before exec."""

    name: str
    uid: int
    gid: int
    become: Callable[[], None]


def _enter_namespace() -> None:
    """Root outside is an ordinary user inside: no file changes its owner, and directories of root stay accessible."""
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


def _become_own_user() -> None:
    os.setgroups([])
    os.setgid(_OWN_ID)
    os.setuid(_OWN_ID)


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(_OWN_ID)
    os.setuid(_NOBODY_UID)


def current_user() -> Identity:
    return Identity(name="current_user", uid=os.geteuid(), gid=os.getegid(), become=keep_identity)


def namespace() -> Identity:
    return Identity(name="namespace", uid=os.geteuid(), gid=os.getegid(), become=_enter_namespace)


def own_user() -> Identity:
    return Identity(name=OWN_USER, uid=_OWN_ID, gid=_OWN_ID, become=_become_own_user)


def initdb_identity(*, who: Identity) -> Identity:
    """The identity that runs initdb for `who`. initdb needs a user that has a name; only its gid gives it access."""
    if who.name != OWN_USER:
        return who
    return Identity(name="nobody", uid=_NOBODY_UID, gid=_OWN_ID, become=_become_nobody)


def possible_owners() -> set[int]:
    """The uids that may own files left by an earlier start."""
    return {os.geteuid(), _OWN_ID, _NOBODY_UID} if os.geteuid() == 0 else {os.geteuid()}


def can_run(*, identity: Identity, program: Path, directory: Path) -> bool:
    """Whether this process may become `identity`, and it may execute `program` and enter `directory`."""

    def become_and_enter() -> None:
        identity.become()
        os.chdir(directory)

    try:
        done = process.run(Command(args=[str(program), "--version"], env={}, become=become_and_enter))
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def may_reach(*, directory: Path) -> bool:
    """Whether every user may traverse the parents of `directory`."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in directory.parents)


def change_owner(*, directory: Path, identity: Identity) -> None:
    """Make `identity` the owner of a directory of ours and all its content, unless it is already."""
    if directory.stat().st_uid == identity.uid or os.geteuid() != 0:
        return
    for folder, _, files in os.walk(directory):
        os.lchown(folder, identity.uid, identity.gid)
        for name in files:
            os.lchown(os.path.join(folder, name), identity.uid, identity.gid)
