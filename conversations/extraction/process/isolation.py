"""What the kernel takes from a process that asks for it: the network, other users' rights, and the way back to them.

Docker's default profile and some distributions refuse namespaces to processes without rights; then a parser that was
taken over has the network only by descriptors, of which it can open none (`limits`).
"""

import contextlib
import ctypes
import sys
from pathlib import Path

# Loaded before any fork.
_LIBC = ctypes.CDLL(None, use_errno=True)
# linux/sched.h, linux/prctl.h, linux/capability.h
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITIES_VERSION_3 = 0x20080522
_HEADER_INTEGERS, _DATA_INTEGERS = 2, 6
_NAMESPACES = Path("/proc/sys/user/max_user_namespaces")


def isolate() -> None:
    """Take from this process, which must have one thread, all of it that the machine allows. Raises nothing."""
    if sys.platform != "linux":
        return
    if _LIBC.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        # This namespace's own number: in another one, with its rights, much more of the kernel could be reached.
        with contextlib.suppress(OSError):
            _NAMESPACES.write_text("0")
    else:
        _LIBC.unshare(_CLONE_NEWNET)
    _drop_capabilities()
    _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _drop_capabilities() -> None:
    """Those of root, and all those that a new user namespace brings."""
    header = (ctypes.c_uint32 * _HEADER_INTEGERS)(_CAPABILITIES_VERSION_3, 0)
    _LIBC.capset(header, (ctypes.c_uint32 * _DATA_INTEGERS)())
