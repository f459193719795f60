"""Who PostgreSQL runs as: it refuses to be root, so root lends it a namespace, or a user that is nobody else's.

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
from project.embedded.process import Command, stay_as_is

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWUSER = 0x10000000


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return entry.pw_uid, entry.pw_gid


def _unused() -> int:
    """A number that no account and no group of this machine has, and neither of those that systemd gives out."""
    users, groups = {entry.pw_uid for entry in pwd.getpwall()}, {entry.gr_gid for entry in grp.getgrall()}
    return next(number for number in range(_FIRST_OWN_ID, _FIRST_OWN_ID + 1_000) if number not in users | groups)


# Within the 65,536 that a container without privileges may have.
_FIRST_OWN_ID = 59_100
# Read before any fork, as everything a child needs.
_NOBODY_UID, _NOBODY_GID = _nobody()
_OWN_ID = _unused()


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


def _become_own_user() -> None:
    os.setgroups([])
    os.setgid(_OWN_ID)
    os.setuid(_OWN_ID)


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(_OWN_ID)
    os.setuid(_NOBODY_UID)


def myself() -> Identity:
    return Identity(name="myself", uid=os.geteuid(), gid=os.getegid(), become=stay_as_is)


def namespace() -> Identity:
    return Identity(name="namespace", uid=os.geteuid(), gid=os.getegid(), become=_enter_namespace)


def own_user() -> Identity:
    return Identity(name="own user", uid=_OWN_ID, gid=_OWN_ID, become=_become_own_user)


def maker(*, who: Identity) -> Identity:
    """Who runs initdb for `who`: it insists on a user with a name. Only its group may enter where it works."""
    if who.name != "own user":
        return who
    return Identity(name="nobody", uid=_NOBODY_UID, gid=_OWN_ID, become=_become_nobody)


def earlier_owners() -> set[int]:
    """Who may own what an earlier start has left to us."""
    return {os.geteuid(), _OWN_ID, _NOBODY_UID} if os.geteuid() == 0 else {os.geteuid()}


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


def may_reach(*, directory: Path) -> bool:
    """Whether anybody may come as far as `directory`."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in directory.parents)


def give(*, directory: Path, identity: Identity) -> None:
    """Hand a directory of ours with all its content to `identity`; nothing happens when it owns it already."""
    if directory.stat().st_uid == identity.uid or os.geteuid() != 0:
        return
    for folder, _, files in os.walk(directory):
        os.lchown(folder, identity.uid, identity.gid)
        for name in files:
            os.lchown(os.path.join(folder, name), identity.uid, identity.gid)
