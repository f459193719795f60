"""What the admin says about routing, as this process last read it: keys of vendors, and targets of models.

`services/upstreams/routes.py` reads it when its version changes, every two seconds at most. A process that has not, or
that does not ask models, goes by the catalogue and the environment alone. While the database is away the last table
serves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Access:
    """A key of a vendor and the address that it is for, which it never leaves. `max_concurrent` 0 is any number.

    `pk` is that of the admin's row; 0 for one of the environment. An empty `base_url` is the vendor's own.
    """

    name: str
    secret: str = field(repr=False)
    base_url: str = ""
    weight: int = 1
    max_concurrent: int = 0
    pk: int = 0


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A target of a model. `access_pk` None stands for every key of the vendor. What is None is as in the catalogue.

    Timeouts are in seconds, sizes in tokens. `max_concurrent` counts beside that of the key.
    """

    vendor: str
    access_pk: int | None = None
    upstream_model: str = ""
    priority: int = 1
    weight: int = 1
    max_concurrent: int = 0
    connect_timeout: float | None = None
    read_timeout: float | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class AdminTable:
    """What is enabled: keys by vendor, targets by public model name. `version` 0: nothing was read yet."""

    version: int = 0
    accesses: Mapping[str, Sequence[Access]] = field(default_factory=dict)
    targets: Mapping[str, Sequence[TargetRow]] = field(default_factory=dict)
    # Every turn of a model with targets looks here, and a vendor may have hundreds of keys.
    access_by_pk: Mapping[tuple[str, int], Access] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found = {(vendor, access.pk): access for vendor, known in self.accesses.items() for access in known}
        object.__setattr__(self, "access_by_pk", found)


_table = AdminTable()


def current() -> AdminTable:
    return _table


def install(table: AdminTable) -> None:
    """For all threads of this process; calls that have begun keep their targets."""
    global _table  # noqa: PLW0603 — one per process is what it is
    _table = table
