"""What an account has read already: by a conversation's links, or by the digest of what a message holds."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from conversations.models import Content, Reading
from conversations.values.context.contents import ReadContent


@dataclass(frozen=True, slots=True)
class KeptContent:
    """A content whose text is not read yet. `run_key` is of the run that read a link last, 0 for no link."""

    pk: int
    digest: bytes
    weight: int
    run_key: int = 0


def of_links(*, account_id: int, conversation_id: int, keys: Collection[bytes]) -> Mapping[bytes, KeptContent]:
    """What the conversation knows of these links. One statement."""
    readings = Reading.objects.for_account(account_id).filter(conversation=conversation_id, key__in=keys)
    rows = readings.values_list("key", "content", "content__digest", "content__weight", "run_key")
    return {bytes(key): KeptContent(pk, bytes(digest), weight, run_key) for key, pk, digest, weight, run_key in rows}


def by_digests(*, account_id: int, digests: Collection[bytes]) -> Mapping[bytes, KeptContent]:
    """One statement."""
    rows = Content.objects.for_account(account_id).filter(digest__in=digests).values_list("digest", "pk", "weight")
    return {bytes(digest): KeptContent(pk, bytes(digest), weight) for digest, pk, weight in rows}


def read(*, account_id: int, pks: Collection[int]) -> Mapping[int, ReadContent]:
    """With their texts and images; without those that are gone meanwhile. One statement."""
    return {row.pk: _read(row) for row in Content.objects.for_account(account_id).filter(pk__in=pks)}


def _read(row: Content) -> ReadContent:
    return ReadContent(
        digest=bytes(row.digest),
        media_type=row.media_type,
        title=row.title,
        text=row.text,
        page_starts=tuple(row.page_starts),
        data=None if row.data is None else bytes(row.data),
        size=row.size,
    )
