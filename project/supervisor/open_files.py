"""How many files, and so connections, the processes of the service may have open."""

import resource

# Of a web process: the stores, the log, its code.
OWN_FILES = 256
# A connection, and the temporary file of a large body.
FILES_PER_CONNECTION = 2
# Where the system names no limit it has one all the same: macOS refuses more.
UNNAMED_LIMIT = 10_240
TOO_FEW = (
    "A web process keeps at most {allowed} connections, not {wanted} (MAX_CONNECTIONS):"
    " it may open only {files} files (ulimit -Hn, LimitNOFILE of systemd)"
)


def raise_limit() -> int:
    """Allow this process and its children as many open files as they may allow themselves; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = UNNAMED_LIMIT if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def connections(*, files: int) -> int:
    """How many connections fit a process that may have so many files open. At least one."""
    return max(1, (files - OWN_FILES) // FILES_PER_CONNECTION)
