"""How many files, and so connections, a process of the service may have open."""

import resource

# A web process needs these for the stores, the log and its code.
OWN_FILES = 256
# The connection, and the temporary file of a large body.
FILES_PER_CONNECTION = 2
# Used where the system reports no limit: macOS refuses more all the same.
UNNAMED_LIMIT = 10_240
TOO_FEW = (
    "A web process keeps at most {allowed} connections, not {wanted} (MAX_CONNECTIONS):"
    " it may open only {files} files (ulimit -Hn, LimitNOFILE of systemd)"
)


def raise_limit() -> int:
    """Raise the soft limit of this process and its children to the hard limit; returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = UNNAMED_LIMIT if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def connections(*, files: int) -> int:
    """How many connections a process with this limit of open files may keep; at least one."""
    return max(1, (files - OWN_FILES) // FILES_PER_CONNECTION)
