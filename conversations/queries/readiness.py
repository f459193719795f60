"""Whether what a turn needs is there."""

from datetime import datetime

from django.db import connection

from conversations.models import Worker


def database_answers() -> bool:
    """Raises DatabaseError when it does not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))


def worker_answers(*, queue: str, now: datetime) -> bool:
    """Whether any worker of the queue has been heard of within a lease."""
    return Worker.objects.alive(now=now).filter(queue=queue).exists()
