"""What a model name means: an entry of the catalogue, or a model of the admin's own."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from conversations import errors
from conversations.routing import accesses, table
from conversations.routing.table import Access, TargetRow
from conversations.rules import key_rights
from conversations.values.requests import Operation
from providers import catalog
from providers.catalog import Catalog, ModelEntry, Vendor

# Of a model name that is quoted in an error.
SHOWN_NAME_CHARS = 100

# Which kinds of models serve an operation, besides "any".
KINDS = {
    Operation.CHAT: ("chat",),
    Operation.COMPLETION: ("chat", "completion"),
    Operation.EMBEDDING: ("embedding",),
}
CAN_DO = {
    "chat": "writes text; it makes no embeddings",
    "completion": "only continues texts (/v1/completions)",
    "embedding": "makes embeddings; it writes no text",
}


def entry_for(model: str, *, operation: Operation | None = None, patterns: Sequence[str] = ()) -> ModelEntry:
    """The entry of a model name that serves the operation; None stands for any operation.

    `patterns`: the models that the caller's key may use, if not all; it learns of no others. Raises ModelForbidden.
    Raises UnknownModel or, for a model of another kind, InvalidRequest: both list the configured models. Raises
    ModelNotConfigured naming the missing setting.
    """
    if not key_rights.may_use(patterns, model):
        raise errors.ModelForbidden(f"The API key may not use the model {_shown(model)}.", param="model")
    entry = _entry(model)
    if entry is None:
        listed = _configured(operation, patterns)
        raise errors.UnknownModel(f"The model {_shown(model)} is not known. {listed}", param="model")
    if not _serves(entry, operation):
        raise errors.InvalidRequest(f"{_unfit(entry)} {_configured(operation, patterns)}", param="model")
    if not rows_of(entry) and (missing := accesses.missing_setting(entry.vendor)):
        raise errors.ModelNotConfigured(
            f"The model {entry.name} is served by {entry.vendor.display_name}, which is not configured: set {missing}.",
            param="model",
        )
    return entry


def taken_fields(model: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those fields of `given` that all vendors of the model take beyond the protocol's own; none for an unknown model.

    All of them, because any may be asked, and some refuse what they do not know.
    """
    entry = _entry(model) if given else None
    if entry is None:
        return {}
    rows, vendors = rows_of(entry), catalogue().vendors
    takers = [vendors[row.vendor] for row in rows] if rows else [entry.vendor]
    return {name: value for name, value in given.items() if all(vendor.takes(name) for vendor in takers)}


def catalogue() -> Catalog:
    return catalog.builtin(has_echo=settings.ECHO)


def rows_of(entry: ModelEntry) -> Sequence[TargetRow]:
    """The admin's targets of the model that can be asked: else an alias has those of its model."""
    targets = table.current().targets
    if not targets:
        return ()
    rows = targets.get(entry.name) or (targets.get(entry.model) if is_known(entry) else None) or ()
    return [row for row in rows if accesses_of(row)]


def accesses_of(row: TargetRow) -> Sequence[Access]:
    """The keys that the row's target is asked with; none when its vendor or key is gone."""
    vendor = catalogue().vendors.get(row.vendor)
    if vendor is None:
        return ()
    if row.access_pk is None:
        return accesses.of_vendor(vendor)
    access = table.current().access_by_pk.get((row.vendor, row.access_pk))
    return () if access is None else (access,)


def is_known(entry: ModelEntry) -> bool:
    """Whether somebody of this installation chose the name, rather than a caller."""
    return entry.name in catalogue().models or entry.name in table.current().targets


def default_vendor() -> Vendor | None:
    """Who gets the names outside the catalogue."""
    return catalogue().vendors.get(settings.DEFAULT_VENDOR)


def configured_entries(patterns: Sequence[str] = (), *, operation: Operation | None = None) -> list[ModelEntry]:
    """The models that can be asked, sorted by name; if there are `patterns`, those that fit one.

    `operation`: those that serve it.
    """
    known = catalogue().models
    own = [entry for name in table.current().targets if name not in known and (entry := _entry(name))]
    found = [entry for entry in known.values() if rows_of(entry) or not accesses.missing_setting(entry.vendor)]
    usable = [
        entry for entry in (*found, *own) if key_rights.may_use(patterns, entry.name) and _serves(entry, operation)
    ]
    return sorted(usable, key=lambda entry: entry.name)


def any_chat_model() -> str:
    """The name of a configured chat model: echo, else the first by name; "" when there is none."""
    names = [entry.name for entry in configured_entries(operation=Operation.CHAT)]
    return catalog.ECHO if catalog.ECHO in names else next(iter(names), "")


def _entry(model: str) -> ModelEntry | None:
    known = catalogue()
    if model not in known.models and (rows := table.current().targets.get(model)):
        usable = [row for row in rows if accesses_of(row)]
        if usable:
            return _own_entry(model, usable[0])
    return known.resolve(model, default_vendor=settings.DEFAULT_VENDOR)


def _own_entry(name: str, row: TargetRow) -> ModelEntry:
    """A model that only the admin knows is what its first target is."""
    known = catalogue()
    of_vendor = known.models.get(row.upstream_model or name)
    return ModelEntry(name, known.vendors[row.vendor], name, kind=of_vendor.kind if of_vendor else "any")


def _configured(operation: Operation | None, patterns: Sequence[str]) -> str:
    names = [entry.name for entry in configured_entries(patterns, operation=operation)]
    return f"Configured here: {', '.join(names)}."


def _serves(entry: ModelEntry, operation: Operation | None) -> bool:
    return operation is None or entry.kind == "any" or entry.kind in KINDS[operation]


def _unfit(entry: ModelEntry) -> str:
    return f"The model {entry.name} {CAN_DO[entry.kind]}."


def _shown(model: str) -> str:
    return repr(model if len(model) <= SHOWN_NAME_CHARS else f"{model[:SHOWN_NAME_CHARS]}…")
