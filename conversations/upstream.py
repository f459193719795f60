"""Turns settings and the catalogue into a ready call: which vendor a model name means, with which key and limits."""

import httpx
from django.conf import settings

from conversations import errors
from providers import catalog, http
from providers.catalog import ModelEntry, Target, Vendor


def new_http_client() -> httpx.Client:
    """The worker process's one door to vendors, with room for as many calls as it has threads."""
    return http.open_client(max_connections=settings.WORKER_THREADS + SPARE_CONNECTIONS)


# Calls that were hung up may still be closing while their threads open new ones.
SPARE_CONNECTIONS = 16


def target_for(model: str) -> Target:
    """Raises UnknownModel with the list of what is configured, or ModelNotConfigured with the setting to set."""
    entry = catalog.builtin().resolve(model, default_vendor=settings.DEFAULT_VENDOR)
    if entry is None or entry.kind != "chat":
        raise errors.UnknownModel(_unknown(model), param="model")
    if problem := _missing_setting(entry.vendor):
        raise errors.ModelNotConfigured(
            f"The model {entry.name} is served by {entry.vendor.label}, which is not configured: set {problem}.",
            param="model",
        )
    return _target(entry)


def _target(entry: ModelEntry) -> Target:
    prefix = entry.vendor.env_prefix
    return catalog.target_for(
        entry,
        api_key=settings.VENDOR_SETTINGS.get(f"{prefix}API_KEY", ""),
        base_url=settings.VENDOR_SETTINGS.get(f"{prefix}BASE_URL", ""),
        connect_timeout=settings.UPSTREAM_CONNECT_TIMEOUT,
        read_timeout=settings.UPSTREAM_READ_TIMEOUT,
    )


def _missing_setting(vendor: Vendor) -> str:
    """The environment variable without which the vendor cannot be asked; "" when nothing is missing."""
    if vendor.needs_key:
        name = f"{vendor.env_prefix}API_KEY"
        return "" if settings.VENDOR_SETTINGS.get(name) else name
    name = f"{vendor.env_prefix}BASE_URL"
    is_reachable = vendor.base_url or not vendor.env_prefix or settings.VENDOR_SETTINGS.get(name)
    return "" if is_reachable else name


def configured_models() -> list[str]:
    """The catalogue's chat models whose vendor is configured, by name."""
    models = catalog.builtin().models.values()
    return sorted(entry.name for entry in models if entry.kind == "chat" and not _missing_setting(entry.vendor))


def _unknown(model: str) -> str:
    shown = model if len(model) <= SHOWN_NAME_CHARS else f"{model[:SHOWN_NAME_CHARS]}…"
    return f"The model {shown!r} is not known. Configured here: {', '.join(configured_models())}."


SHOWN_NAME_CHARS = 100
