"""What was read is kept once for each account, and nowhere else."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from conversations.models import Account, Content, Conversation, Reading, Run
from conversations.queries.knowledge import contents as kept_contents
from conversations.services.knowledge import contents
from conversations.values.context.contents import content_digest, link_key
from tests import builders

pytestmark = pytest.mark.django_db

URL = "https://files.example/"


def test_a_content_is_found_by_the_link_and_by_its_digest(ann: Account) -> None:
    run = builders.runs.answered(ann)
    content = builders.contents.read(run, "Alder", url=URL)
    assert run.conversation_id is not None

    by_link = kept_contents.of_links(
        account_id=ann.pk, conversation_id=run.conversation_id, keys=[link_key(URL), link_key("https://other.example/")]
    )
    by_digest = kept_contents.by_digests(account_id=ann.pk, digests=[content.digest])

    (found,) = by_link.values()
    assert (found.weight, found.run_key) == (5, run.pk)
    assert by_digest[content.digest].pk == found.pk
    assert kept_contents.read(account_id=ann.pk, pks=[found.pk]) == {found.pk: content}


def test_nobody_finds_another_accounts(ann: Account, bob: Account) -> None:
    run = builders.runs.answered(ann)
    content = builders.contents.read(run, "Alder", url=URL)
    pk = Content.objects.get().pk
    assert run.conversation_id is not None

    keys = [link_key(URL)]
    assert kept_contents.of_links(account_id=bob.pk, conversation_id=run.conversation_id, keys=keys) == {}
    assert kept_contents.by_digests(account_id=bob.pk, digests=[content.digest]) == {}
    assert kept_contents.read(account_id=bob.pk, pks=[pk]) == {}
    builders.contents.read(builders.runs.answered(bob), "Alder", url=URL)
    assert Content.objects.count() == 2


def test_read_again_a_link_leads_to_what_is_there_now(ann: Account) -> None:
    first, second = builders.runs.answered(ann), builders.runs.answered(ann)
    builders.contents.read(first, "old", url=URL)

    builders.contents.read(second, "new", url=URL)

    assert list(Reading.objects.values_list("content__text", "run_key")) == [("new", second.pk)]
    assert Content.objects.count() == 2


def test_a_conversation_that_was_deleted_meanwhile_keeps_nothing(ann: Account) -> None:
    run = builders.runs.answered(ann)
    builders.erasures.delete_conversation(conversation_id=Conversation.objects.get().pk)

    builders.contents.read(run, "late")

    assert (Content.objects.count(), Reading.objects.count()) == (0, 0)


def test_the_database_refuses_a_reading_across_accounts(ann: Account, bob: Account) -> None:
    builders.contents.read(builders.runs.answered(ann))
    builders.runs.answered(bob)
    theirs = Conversation.objects.for_account(bob).get()

    Reading.objects.update(account=bob, conversation=theirs)

    with pytest.raises(IntegrityError, match="reading_belongs_to_its_contents_account"):
        connection.check_constraints()


def test_a_use_is_noted_once_a_day(ann: Account) -> None:
    builders.contents.read(builders.runs.answered(ann))
    before = Content.objects.get()

    contents.note_use(account_id=ann.pk, pks=[before.pk])

    assert Content.objects.get().used_at == before.used_at


def test_the_same_bytes_are_another_content_where_they_are_read_differently() -> None:
    digests = {
        content_digest(b"x", media_type="text/plain; charset=gbk", name="a"),
        content_digest(b"x", media_type="text/plain", name="a"),
        content_digest(b"x", media_type="text/plain", name="a.html"),
        content_digest(b"y", media_type="text/plain", name="a"),
    }

    assert len(digests) == 4
    assert content_digest(b"x", media_type="t", name="a.pdf") == content_digest(b"x", media_type="t", name="b.PDF")


def read_by_many(run: Run, number: int) -> Content:
    """A content that the run's conversation knows under so many keys."""
    builders.contents.read(run)
    content = Content.objects.latest("pk")
    thread = content.readings.get().conversation
    more = [
        Reading(account=run.account, conversation=thread, content=content, key=key, run_key=run.pk)
        for key in (at.to_bytes(32) for at in range(number - 1))
    ]
    Reading.objects.bulk_create(more)
    return content


def test_one_that_many_have_read_is_deleted_in_parts(ann: Account) -> None:
    content = read_by_many(builders.runs.answered(ann), contents.READINGS + 1)

    assert contents.delete_some([content.pk]) == (contents.READINGS, 0)
    assert contents.delete_some([content.pk]) == (1, 1)
    assert not Content.objects.exists()


def test_of_large_ones_no_more_are_deleted_than_one_transaction_should(ann: Account) -> None:
    run = builders.runs.answered(ann)
    for number in range(3):
        builders.contents.read(run, f"{number}", url=f"https://{number}.example/")
    Content.objects.update(weight=contents.WEIGHT)
    pks = list(Content.objects.values_list("pk", flat=True))

    assert contents.delete_some(pks) == (3, 2)
    assert contents.delete_some(pks) == (0, 1)


def test_an_erasure_goes_on_with_those_that_one_batch_leaves(ann: Account) -> None:
    run = builders.runs.answered(ann)
    for number in range(4):
        builders.contents.read(run, f"{number}", url=f"https://{number}.example/")
    Content.objects.update(weight=contents.WEIGHT)

    builders.erasures.delete_conversation(conversation_id=Conversation.objects.get().pk)

    assert (Content.objects.count(), Reading.objects.count()) == (0, 0)


@pytest.mark.parametrize("delete", [contents.delete_unread, contents.delete_some])
def test_what_is_deleted_is_not_read(ann: Account, delete: Callable[[list[int]], object]) -> None:
    """A hundred of them may be a gigabyte."""
    builders.contents.read(builders.runs.answered(ann))
    Reading.objects.all().delete()
    pks = list(Content.objects.values_list("pk", flat=True))

    with CaptureQueriesContext(connection) as ran:
        delete(pks)

    assert not Content.objects.exists()
    assert [query["sql"] for query in ran.captured_queries if '"text"' in query["sql"]] == []
