"""Worker rows: who works, and who was heard of lately."""

from django.db.models.functions import Now

from conversations.models import Worker


def register(*, name: str, queue: str) -> int:
    return Worker.objects.create(name=name, queue=queue).pk


def beat(*, worker_id: int) -> None:
    Worker.objects.filter(pk=worker_id).update(heartbeat_at=Now())


def stop(*, worker_id: int) -> None:
    Worker.objects.filter(pk=worker_id, stopped_at=None).update(stopped_at=Now())
