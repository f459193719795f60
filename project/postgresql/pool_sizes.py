"""How many database connections each process may open, from how many the service as a whole may."""

from dataclasses import dataclass
from typing import Self

# For migrations, `manage.py` beside the service, an administrator's psql, and connections of a process that was killed
# and that the server has not noticed yet.
SPARE = 6
# Beside those for runs: upkeep and knowledge.
OTHER_WORKERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSizes:
    """The most connections of one process: `web` and `admin` are both of a web process, `worker` also of upkeep and
    the knowledge worker.
    """

    web: int
    admin: int
    worker: int

    def needed(self, *, web_processes: int, worker_processes: int) -> int:
        """Connections that all processes together may open, and a few more."""
        workers = worker_processes + OTHER_WORKERS
        return web_processes * (self.web + self.admin) + workers * self.worker + SPARE

    def at_most(self, size: int) -> Self:
        """Each pool cut to `size`, but not below what its process works with."""
        return type(self)(
            web=max(LEAST.web, min(self.web, size)),
            admin=max(LEAST.admin, min(self.admin, size)),
            worker=max(LEAST.worker, min(self.worker, size)),
        )


# A web process has 8 threads for services and 2 for large bodies, and a thread holds a connection for milliseconds.
# A worker's statements are as short; its 64 threads wait for vendors without one.
WANTED = PoolSizes(web=8, admin=4, worker=8)
# Fewer, and turns of one conversation that wait for each other would leave none to the others.
LEAST = PoolSizes(web=4, admin=2, worker=3)


def for_service(*, connections: int, web_processes: int, worker_processes: int) -> PoolSizes:
    """The largest pools with which all processes together open no more than `connections`; 0: any number.

    The least that works when even that is too many: whether it is, `serve` asks before it starts (`server.py`).
    """
    fitting = (
        sizes
        for sizes in map(WANTED.at_most, range(WANTED.web, 0, -1))
        if not connections
        or sizes.needed(web_processes=web_processes, worker_processes=worker_processes) <= connections
    )
    return next(fitting, LEAST)
