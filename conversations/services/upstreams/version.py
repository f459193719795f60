"""The number by which processes notice a change of keys or targets."""

from django.db.models import F

from conversations.models import UpstreamVersion


def bump() -> None:
    """Part of the transaction that changes something. Its row is locked until then, so changes come one by one."""
    if not UpstreamVersion.objects.filter(pk=UpstreamVersion.ONLY).update(version=F("version") + 1):
        UpstreamVersion.objects.get_or_create(pk=UpstreamVersion.ONLY, defaults={"version": 1})


def current() -> int:
    """0 before the first change."""
    return UpstreamVersion.objects.values_list("version", flat=True).first() or 0
