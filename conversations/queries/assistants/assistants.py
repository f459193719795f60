"""Assistants and their versions for their owners. Deleted ones are never found."""

from django.db.models import F, QuerySet

from conversations import errors
from conversations.models import Assistant, AssistantVersion
from conversations.queries.keyset import Page, keyset_page

NOT_FOUND = "assistant not found"
NO_SUCH_VERSION = "The assistant has no such version, or has it no more."


def of_account(*, account_id: int) -> QuerySet[Assistant]:
    return Assistant.objects.for_account(account_id).filter(deleted_at=None)


def for_account(*, account_id: int, assistant_id: str) -> AssistantVersion:
    """The newest version, with its assistant. Raises NotFound when the account has no such assistant."""
    own = newest(account_id=account_id)
    if (version := own.filter(assistant__public_id=assistant_id).first()) is None:
        raise errors.NotFound(NOT_FOUND)
    return version


def newest(*, account_id: int) -> QuerySet[AssistantVersion]:
    """The newest version of each assistant."""
    versions = AssistantVersion.objects.for_account(account_id).select_related("assistant")
    return versions.filter(
        assistant__account=account_id, assistant__deleted_at=None, number=F("assistant__version")
    ).order_by("assistant")


def page(*, account_id: int, cursor: str | None, limit: int) -> Page[AssistantVersion]:
    """Their newest versions, those of the newest assistants first.

    Raises InvalidRequest for a cursor that is no assistant of the account.
    """
    own = of_account(account_id=account_id)
    found = keyset_page(own, account_id=account_id, cursor=cursor, limit=limit, is_filtered=True)
    # Each by its key in the index of versions: a page's assistants are read already.
    versions = newest(account_id=account_id).filter(assistant__in=[one.pk for one in found.rows])
    return Page(list(versions.order_by("-assistant")), found.next_cursor)


def in_version(*, account_id: int, assistant_id: str, number: int | None) -> AssistantVersion:
    """None is the newest. Raises NotFound."""
    newest = for_account(account_id=account_id, assistant_id=assistant_id)
    version = newest if number is None else _versions(newest.assistant).filter(number=number).first()
    if version is None:
        raise errors.NotFound(NO_SUCH_VERSION)
    return version


def versions_page(*, account_id: int, assistant_id: str, before: int | None, limit: int) -> Page[AssistantVersion]:
    """The newest first. `before` is the number at which the page before ended. Raises NotFound."""
    assistant = for_account(account_id=account_id, assistant_id=assistant_id).assistant
    older = _versions(assistant) if before is None else _versions(assistant).filter(number__lt=before)
    found = list(older.order_by("-number")[: limit + 1])
    return Page(found[:limit], str(found[limit - 1].number) if len(found) > limit else None)


def _versions(assistant: Assistant) -> QuerySet[AssistantVersion]:
    versions = AssistantVersion.objects.for_account(assistant.account_id)
    return versions.filter(assistant=assistant.pk).select_related("assistant")
