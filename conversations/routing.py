"""Turns settings and the catalogue into a ready call: which vendor a model name means, with which key and limits."""

from collections.abc import Mapping
from typing import Any

import httpx
from django.conf import settings

from conversations import errors
from conversations.values.requests import Operation
from providers import catalog
from providers.catalog import Catalog, ModelEntry, Target, Vendor
from providers.transport import http, tls


def new_http_transport() -> httpx.HTTPTransport:
    """The worker process's one door to vendors, with room for as many calls as it has threads."""
    trust = tls.context(cert_file=settings.SSL_CERT_FILE, cert_dir=settings.SSL_CERT_DIR)
    return http.open_transport(max_connections=settings.WORKER_THREADS + SPARE_CONNECTIONS, trust=trust)


# Calls that were hung up may still be closing while their threads open new ones.
SPARE_CONNECTIONS = 16


def target_for(model: str, *, operation: Operation = Operation.CHAT) -> Target:
    """Raises as `entry_for`."""
    return _target(entry_for(model, operation=operation))


def entry_for(model: str, *, operation: Operation | None = None) -> ModelEntry:
    """What the name means for the operation; None: whatever it is good for.

    Raises UnknownModel with the list of what is configured, InvalidRequest with the same list for a model that is not
    made for the operation, or ModelNotConfigured with the setting to set.
    """
    entry = _catalogue().resolve(model, default_vendor=settings.DEFAULT_VENDOR)
    if entry is None:
        raise errors.UnknownModel(f"The model {_shown(model)} is not known. {_configured(operation)}", param="model")
    if not _serves(entry, operation):
        raise errors.InvalidRequest(f"{_unfit(entry)} {_configured(operation)}", param="model")
    if problem := _missing_setting(entry.vendor):
        raise errors.ModelNotConfigured(
            f"The model {entry.name} is served by {entry.vendor.display_name}, which is not configured: set {problem}.",
            param="model",
        )
    return entry


def taken_fields(model: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `given`, which are none of the protocol's, that the model's vendor takes; of an unknown model none."""
    entry = _catalogue().resolve(model, default_vendor=settings.DEFAULT_VENDOR) if given else None
    return {name: value for name, value in given.items() if entry is not None and entry.vendor.takes(name)}


def _catalogue() -> Catalog:
    return catalog.builtin(has_echo=settings.ECHO)


def _target(entry: ModelEntry) -> Target:
    prefix = entry.vendor.env_prefix
    return catalog.target_for(
        entry,
        api_key=settings.VENDOR_SETTINGS.get(f"{prefix}API_KEY", ""),
        base_url=settings.VENDOR_SETTINGS.get(f"{prefix}BASE_URL", ""),
        connect_timeout=settings.UPSTREAM_CONNECT_TIMEOUT,
        read_timeout=settings.UPSTREAM_READ_TIMEOUT,
        max_answer_bytes=settings.MAX_ANSWER_BYTES,
    )


def _missing_setting(vendor: Vendor) -> str:
    """The environment variable without which the vendor cannot be asked; "" when nothing is missing."""
    if vendor.needs_key:
        name = f"{vendor.env_prefix}API_KEY"
        return "" if settings.VENDOR_SETTINGS.get(name) else name
    name = f"{vendor.env_prefix}BASE_URL"
    is_reachable = vendor.base_url or not vendor.env_prefix or settings.VENDOR_SETTINGS.get(name)
    return "" if is_reachable else name


def configured_entries() -> list[ModelEntry]:
    """The catalogue's models whose vendor is configured, by name."""
    models = _catalogue().models.values()
    return sorted((entry for entry in models if not _missing_setting(entry.vendor)), key=lambda entry: entry.name)


def any_chat_model() -> str:
    """The name of a model that would answer: the built-in one, else the first by name; "" for none."""
    names = [entry.name for entry in configured_entries() if _serves(entry, Operation.CHAT)]
    return catalog.ECHO if catalog.ECHO in names else next(iter(names), "")


def _configured(operation: Operation | None) -> str:
    names = [entry.name for entry in configured_entries() if _serves(entry, operation)]
    return f"Configured here: {', '.join(names)}."


def _serves(entry: ModelEntry, operation: Operation | None) -> bool:
    return operation is None or entry.kind == "any" or entry.kind in KINDS[operation]


def _unfit(entry: ModelEntry) -> str:
    return f"The model {entry.name} {CAN_DO[entry.kind]}."


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


def _shown(model: str) -> str:
    return repr(model if len(model) <= SHOWN_NAME_CHARS else f"{model[:SHOWN_NAME_CHARS]}…")


SHOWN_NAME_CHARS = 100
