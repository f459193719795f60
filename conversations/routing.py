"""Which vendor a model name means, with which key and limits: the catalogue joined with the settings."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from conversations import errors
from conversations.values.requests import Operation
from providers import catalog
from providers.catalog import Catalog, ModelEntry, Target, Vendor
from providers.transport import http, tls

# Connections of aborted calls may still be closing while their threads open new ones.
SPARE_CONNECTIONS = 16
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


def new_http_transport() -> http.Transport:
    """For all vendor calls of a worker process: as many connections as it has threads, and a few to spare."""
    trust = tls.context(cert_file=settings.SSL_CERT_FILE, cert_dir=settings.SSL_CERT_DIR)
    return http.open_transport(max_connections=settings.WORKER_THREADS + SPARE_CONNECTIONS, trust=trust)


def target_for(model: str, *, operation: Operation = Operation.CHAT) -> Target:
    """Raises as `entry_for`."""
    return _target(entry_for(model, operation=operation))


def entry_for(model: str, *, operation: Operation | None = None) -> ModelEntry:
    """The catalogue's entry of a model name that serves the operation; None stands for any operation.

    Raises UnknownModel or, for a model of another kind, InvalidRequest: both list the configured models. Raises
    ModelNotConfigured naming the missing setting.
    """
    entry = _catalogue().resolve(model, default_vendor=settings.DEFAULT_VENDOR)
    if entry is None:
        raise errors.UnknownModel(f"The model {_shown(model)} is not known. {_configured(operation)}", param="model")
    if not _serves(entry, operation):
        raise errors.InvalidRequest(f"{_unfit(entry)} {_configured(operation)}", param="model")
    if missing := _missing_setting(entry.vendor):
        raise errors.ModelNotConfigured(
            f"The model {entry.name} is served by {entry.vendor.display_name}, which is not configured: set {missing}.",
            param="model",
        )
    return entry


def taken_fields(model: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those fields of `given` that the model's vendor takes beyond the protocol's own; none for an unknown model."""
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
    """The environment variable that must be set before the vendor can be asked; "" when none is missing."""
    if vendor.needs_key:
        name = f"{vendor.env_prefix}API_KEY"
        return "" if settings.VENDOR_SETTINGS.get(name) else name
    name = f"{vendor.env_prefix}BASE_URL"
    is_reachable = vendor.base_url or not vendor.env_prefix or settings.VENDOR_SETTINGS.get(name)
    return "" if is_reachable else name


def configured_entries() -> list[ModelEntry]:
    """The catalogue's models whose vendor is configured, sorted by name."""
    models = _catalogue().models.values()
    return sorted((entry for entry in models if not _missing_setting(entry.vendor)), key=lambda entry: entry.name)


def any_chat_model() -> str:
    """The name of a configured chat model: echo, else the first by name; "" when there is none."""
    names = [entry.name for entry in configured_entries() if _serves(entry, Operation.CHAT)]
    return catalog.ECHO if catalog.ECHO in names else next(iter(names), "")


def _configured(operation: Operation | None) -> str:
    names = [entry.name for entry in configured_entries() if _serves(entry, operation)]
    return f"Configured here: {', '.join(names)}."


def _serves(entry: ModelEntry, operation: Operation | None) -> bool:
    return operation is None or entry.kind == "any" or entry.kind in KINDS[operation]


def _unfit(entry: ModelEntry) -> str:
    return f"The model {entry.name} {CAN_DO[entry.kind]}."


def _shown(model: str) -> str:
    return repr(model if len(model) <= SHOWN_NAME_CHARS else f"{model[:SHOWN_NAME_CHARS]}…")
