"""The admin's sessions: expired ones are deleted."""

from django.contrib.sessions.models import Session
from django.db.models.functions import Now


def expire(*, limit: int) -> None:
    """Deletes at most `limit` expired sessions. Django itself never deletes any."""
    expired = Session.objects.filter(expire_date__lt=Now()).order_by("expire_date")
    Session.objects.filter(pk__in=list(expired.values_list("pk", flat=True)[:limit])).delete()
