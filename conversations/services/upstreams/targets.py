"""Targets of models: added, changed and removed."""

import math

from django.db import transaction

from conversations import errors
from conversations.models import UpstreamTarget
from conversations.models.upstreams import MAX_CONCURRENT, MAX_WEIGHT
from conversations.rules import texts
from conversations.services.upstreams import keys, version

TIMEOUT_RANGE = (0.01, 3600.0)
MAX_TOKENS = 100_000_000
MAX_PRIORITY = 1000


def save(target: UpstreamTarget) -> UpstreamTarget:
    """Stores a new target, or what was changed of one. Raises InvalidRequest."""
    _check(target)
    with transaction.atomic():
        target.save()
        version.bump()
    return target


def set_enabled(*, target_ids: list[int], is_enabled: bool) -> int:
    with transaction.atomic():
        rows = UpstreamTarget.objects.filter(pk__in=target_ids, is_enabled=not is_enabled)
        changed = rows.update(is_enabled=is_enabled)
        version.bump()
    return changed


def delete(*, target_ids: list[int]) -> int:
    """A model without targets of its own is served as the catalogue says."""
    with transaction.atomic():
        deleted, _ = UpstreamTarget.objects.filter(pk__in=target_ids).delete()
        version.bump()
    return deleted


def _check(target: UpstreamTarget) -> None:
    target.model = texts.storable(target.model, param="model", path="model").strip()
    target.upstream_model = texts.storable(target.upstream_model, param="upstream_model", path="upstream_model").strip()
    # The ids of targets are parts of lines (`routing/scripts.py`).
    if not target.model or not (target.model + target.upstream_model).isprintable():
        raise errors.InvalidRequest("A target needs a model, and names of one line.", param="model")
    if target.key is not None:
        target.vendor = target.key.vendor
    if target.vendor not in {vendor.name for vendor in keys.vendors()}:
        raise errors.InvalidRequest("There is no such vendor.", param="vendor")
    if not (1 <= target.weight <= MAX_WEIGHT and 1 <= target.priority <= MAX_PRIORITY):
        raise errors.InvalidRequest("The weight or the priority is out of range.", param="weight")
    if not 0 <= target.max_concurrent <= MAX_CONCURRENT:
        raise errors.InvalidRequest("The number of calls is out of range.", param="max_concurrent")
    for name in ("connect_timeout", "read_timeout"):
        seconds = getattr(target, name)
        least, most = TIMEOUT_RANGE
        if seconds is not None and not (math.isfinite(seconds) and least <= seconds <= most):
            raise errors.InvalidRequest("A timeout is out of range.", param=name)
    for name in ("context_window", "max_output_tokens"):
        size = getattr(target, name)
        if size is not None and not 1 <= size <= MAX_TOKENS:
            raise errors.InvalidRequest("A number of tokens is out of range.", param=name)
