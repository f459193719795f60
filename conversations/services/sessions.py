"""Sessions of the admin: those that are over are deleted."""

from django.contrib.sessions.models import Session
from django.db.models.functions import Now


def expire(*, limit: int) -> None:
    """At most `limit` of them. Django itself leaves them for ever."""
    over = Session.objects.filter(expire_date__lt=Now()).order_by("expire_date")
    Session.objects.filter(pk__in=list(over.values_list("pk", flat=True)[:limit])).delete()
