"""Knowledge bases and documents, made through the services; and a worker that indexes them step by step."""

from collections.abc import Callable

from django.db.models.functions import Now

from conversations.models import Account, Document, IndexingJob, KnowledgeBase, Worker
from conversations.services.knowledge import base_upkeep, bases, documents, jobs
from conversations.services.knowledge.results import ClaimedJob
from conversations.workers.knowledge import indexing

TEXT = "The heron nests early.\n\nThe stork nests late."


def base(owner: Account, name: str = "Birds") -> KnowledgeBase:
    return bases.create(account_id=owner.pk, name=name)


def document(of: KnowledgeBase, name: str = "herons", text: str = TEXT) -> Document:
    return documents.add_text(account_id=of.account_id, base_id=of.public_id, name=name, text=text)


def ready(of: KnowledgeBase, *names: str) -> list[Document]:
    """Documents that have been indexed."""
    made = [document(of, name) for name in names]
    own = worker("indexes at once")
    while job := claim(own):
        indexing.work(job)
    return [now(one) for one in made]


def worker(name: str = "a worker", *, threads: int = 4) -> Worker:
    return Worker.objects.get_or_create(name=name, defaults={"queue": "knowledge", "threads": threads})[0]


def claim(by: Worker | None = None) -> ClaimedJob | None:
    return jobs.claim(worker_id=(by or worker()).pk)


def claimed(by: Worker | None = None) -> ClaimedJob:
    job = claim(by)
    assert job is not None
    return job


def make_due() -> None:
    """The pauses of all jobs are over."""
    IndexingJob.objects.update(due_at=Now())


def now(one: Document) -> Document:
    return Document.objects.select_related("base").get(pk=one.pk)


def work_off(by: Worker | None = None) -> int:
    """How many jobs."""
    count = 0
    while job := claim(by):
        indexing.work(job)
        count += 1
    return count


def upkeep(until: Callable[[], bool], *, rounds: int = 100) -> None:
    """Goes on with whole bases, as the upkeep worker does, and with their documents."""
    for _ in range(rounds):
        if until():
            return
        base_upkeep.advance()
        work_off()
    raise AssertionError("it takes too many rounds")
