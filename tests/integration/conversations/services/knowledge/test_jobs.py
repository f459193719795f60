"""Jobs: claimed fairly, given back, recovered from workers that died, and given up in the end."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from conversations.models import Account, Document, IndexingJob, Worker
from conversations.services.knowledge import jobs, results
from tests import builders
from tests.builders.knowledge import claim, claimed

pytestmark = pytest.mark.django_db


def let_die(worker: Worker) -> None:
    Worker.objects.filter(pk=worker.pk).update(heartbeat_at=Now() - timedelta(seconds=9))


def recover(*, are_leases_reliable: bool = True) -> None:
    jobs.recover_each(list(jobs.abandoned(are_leases_reliable=are_leases_reliable)))


def state(document: Document) -> tuple[str, int]:
    job = IndexingJob.objects.get(pk=document.pk)
    return builders.knowledge.now(document).status, job.attempts


def test_a_claimed_document_is_processing_and_is_claimed_once(ann: Account) -> None:
    made = builders.knowledge.document(builders.knowledge.base(ann))

    job = claimed()

    assert (job.document_key, job.public_id, job.attempt, job.is_rebuild) == (made.pk, made.public_id, 1, False)
    assert state(made) == ("processing", 1)
    assert claim() is None


def test_the_account_with_the_fewest_in_progress_is_next(ann: Account, bob: Account) -> None:
    of_ann = builders.knowledge.base(ann)
    for number in range(5):
        builders.knowledge.document(of_ann, str(number))
    of_bob = builders.knowledge.document(builders.knowledge.base(bob))
    worker = builders.knowledge.worker(threads=4)

    owners = [claimed(worker).account_id for _ in range(3)]
    fourth = claim(worker)

    assert owners == [ann.pk, bob.pk, ann.pk]
    # The last thread is for an account that has none.
    assert fourth is None
    assert state(of_bob) == ("processing", 1)


def test_one_account_alone_leaves_a_quarter_of_the_threads_free(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    for number in range(5):
        builders.knowledge.document(base, str(number))
    worker = builders.knowledge.worker(threads=4)

    found = [claim(worker) for _ in range(5)]

    assert [job is not None for job in found] == [True, True, True, False, False]


def test_a_worker_that_stops_gives_its_jobs_back_uncounted(ann: Account) -> None:
    made = builders.knowledge.document(builders.knowledge.base(ann))
    worker = builders.knowledge.worker()
    job = claimed(worker)

    jobs.release(worker_id=worker.pk)

    assert state(made) == ("queued", 0)
    assert not results.finish(job, text="x", page_starts=())
    assert claimed(builders.knowledge.worker("another")).attempt == 1


def test_the_job_of_a_dead_worker_goes_on(ann: Account) -> None:
    made = builders.knowledge.document(builders.knowledge.base(ann))
    dead = builders.knowledge.worker("dead")
    lost = claimed(dead)
    let_die(dead)

    recover(are_leases_reliable=False)
    assert state(made) == ("processing", 1)
    recover()

    assert state(made) == ("queued", 1)
    # It was only frozen, and comes back too late.
    assert not results.finish(lost, text="x", page_starts=())
    assert claimed(builders.knowledge.worker("living")).attempt == 2
    assert state(made) == ("processing", 2)


def test_a_job_whose_claim_got_lost_goes_on_too(ann: Account) -> None:
    made = builders.knowledge.document(builders.knowledge.base(ann))
    claimed()
    recover()
    assert state(made) == ("processing", 1)

    IndexingJob.objects.update(claimed_at=F("claimed_at") - timedelta(minutes=21))
    recover()

    assert state(made) == ("queued", 1)


def test_a_document_at_which_every_worker_dies_fails_alone(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    poisoned, good = builders.knowledge.document(base, "poisoned"), builders.knowledge.document(base, "good")
    for number in range(3):
        worker = builders.knowledge.worker(f"victim {number}")
        job = claimed(worker)
        while job.document_key != poisoned.pk:
            results.put_back(job, after=timedelta(0))
            job = claimed(worker)
        let_die(worker)
        recover()

    failed = builders.knowledge.now(poisoned)

    assert (failed.status, failed.error_code) == ("failed", "interrupted")
    assert failed.error_message == "Indexing it was begun 3 times, and its worker ended each time."
    assert not IndexingJob.objects.filter(pk=poisoned.pk).exists()
    assert builders.knowledge.work_off(builders.knowledge.worker("living")) == 1
    assert builders.knowledge.now(good).status == "ready"


def test_what_may_go_well_later_waits_first(ann: Account) -> None:
    made = builders.knowledge.document(builders.knowledge.base(ann))

    results.put_back(claimed())

    assert state(made) == ("queued", 1)
    assert claim() is None
    assert not jobs.are_due()
    builders.knowledge.make_due()
    assert jobs.are_due()
    assert claimed().attempt == 2
