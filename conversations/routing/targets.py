"""The targets of a model: where its questions may go, with which key and how often.

What the admin has for a model replaces what the catalogue and the environment give; for the models of a vendor, the
admin's keys replace the environment's. An alias without targets of its own has those of its model.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace

from django.conf import settings

from conversations.routing import accesses, entries
from conversations.routing.table import Access, TargetRow
from conversations.values.requests import Operation
from providers import catalog
from providers.catalog import ModelEntry, Target, Vendor

DEFAULT_PRIORITY = 1
# In place of the model's name where it is not of the catalogue: callers may invent any number of names.
ANY_MODEL = "*"


@dataclass(frozen=True, slots=True)
class RoutedTarget:
    """A target with its share of a model's questions.

    `id` is the same in all processes; `access_id` is that of its key, which other targets may have too. `name` is for
    people: vendor, key and the vendor's name of the model. `max_concurrent` 0 is any number.
    """

    id: str
    access_id: str
    name: str
    target: Target
    priority: int = DEFAULT_PRIORITY
    weight: int = 1
    max_concurrent: int = 0
    key_name: str = ""

    @property
    def is_guarded(self) -> bool:
        """Whether it can fail for others too: `echo` cannot."""
        return self.target.protocol != catalog.ECHO

    @property
    def is_any_model(self) -> bool:
        """Whether it stands for all names that callers make up: what is wrong with one says nothing of the others."""
        return self.id == f"{self.access_id}:{ANY_MODEL}"


def for_model(model: str, *, operation: Operation = Operation.CHAT) -> Sequence[RoutedTarget]:
    """At least one. Raises as `entries.entry_for`."""
    return of_entry(entries.entry_for(model, operation=operation))


def context_window(model: str, *, operation: Operation) -> int:
    """The largest of the model's targets, in tokens: each prompt is cut to that of the target it is for.

    Raises as `entries.entry_for`.
    """
    entry = entries.entry_for(model, operation=operation)
    rows = entries.rows_of(entry)
    return max((_as_row_says(entry, row).context_window for row in rows), default=entry.context_window)


def of_entry(entry: ModelEntry, *, among: Set[str] | None = None) -> Sequence[RoutedTarget]:
    """None for a model that is not configured.

    `among`: of a model without targets in the admin only those whose id, or that of their key, is one of these.
    """
    if rows := entries.rows_of(entry):
        found = [target for row in rows for target in _of_row(entry, row)]
        # Keys of the same address and secret are one.
        return tuple({target.id: target for target in found}.values())
    known = accesses.of_vendor(entry.vendor)
    if among is not None:
        known = [access for access in known if not among.isdisjoint(_ids(entry, access, entry.model))]
    return tuple(_routed(entry, access, entry.model) for access in known)


def _of_row(entry: ModelEntry, row: TargetRow) -> Iterator[RoutedTarget]:
    entry = _as_row_says(entry, row)
    for access in entries.accesses_of(row):
        routed = _routed(entry, access, entry.model)
        target = replace(
            routed.target,
            connect_timeout=row.connect_timeout or routed.target.connect_timeout,
            read_timeout=row.read_timeout or routed.target.read_timeout,
        )
        yield replace(
            routed,
            target=target,
            priority=row.priority,
            weight=row.weight * access.weight,
            max_concurrent=_smaller(row.max_concurrent, access.max_concurrent),
        )


def _as_row_says(entry: ModelEntry, row: TargetRow) -> ModelEntry:
    vendor = entries.catalogue().vendors[row.vendor]
    model = row.upstream_model or entry.model
    known = _known(vendor, model)
    return replace(
        entry,
        vendor=vendor,
        model=model,
        context_window=row.context_window or (known or entry).context_window,
        max_output_tokens=row.max_output_tokens or (known or entry).max_output_tokens,
        inputs=known.inputs if known else vendor.inputs,
    )


def _known(vendor: Vendor, model: str) -> ModelEntry | None:
    found = entries.catalogue().models.get(model)
    return found if found is not None and found.vendor.name == vendor.name else None


def _smaller(one: int, other: int) -> int:
    return min(one, other) if one and other else one or other


def _routed(entry: ModelEntry, access: Access, model: str) -> RoutedTarget:
    vendor = entry.vendor
    target = catalog.target_for(
        entry,
        api_key=access.secret,
        base_url=_base_url(vendor, access),
        connect_timeout=settings.UPSTREAM_CONNECT_TIMEOUT,
        read_timeout=settings.UPSTREAM_READ_TIMEOUT,
        max_answer_bytes=settings.MAX_ANSWER_BYTES,
    )
    access_id, target_id = _ids(entry, access, model)
    return RoutedTarget(
        id=target_id,
        access_id=access_id,
        name=f"{vendor.name} / {access.name} / {model}",
        target=target,
        weight=access.weight,
        max_concurrent=access.max_concurrent,
        key_name=access.name,
    )


def _ids(entry: ModelEntry, access: Access, model: str) -> tuple[str, str]:
    """Of the key, and of the target."""
    vendor = entry.vendor
    access_id = f"{vendor.name}:{accesses.fingerprint(access.secret, _base_url(vendor, access))}"
    return access_id, f"{access_id}:{model if entries.is_known(entry) else ANY_MODEL}"


def _base_url(vendor: Vendor, access: Access) -> str:
    """What the environment says of the vendor's address holds for the admin's keys too, unless they have their own."""
    return access.base_url or settings.VENDOR_SETTINGS.get(f"{vendor.env_prefix}BASE_URL", "") or vendor.base_url
