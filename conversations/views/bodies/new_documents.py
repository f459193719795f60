"""A document that a request brings for a knowledge base: its text, its URL or a file."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from conversations.models import Document
from conversations.services.knowledge import documents
from conversations.views.bodies import budget, large_bodies
from conversations.views.http import customer_urls, threadpool
from conversations.views.http.thread_shares import Share


@dataclass(frozen=True, slots=True)
class NewDocument:
    """Of text, URL and data there is one."""

    name: str
    text: str | None = None
    url: str | None = None
    data: bytes | None = None
    media_type: str = ""


async def add(account_id: int, base_id: str, new: NewDocument, *, url_param: str = "url") -> Document:
    """Raises NotFound, InvalidRequest, BodyTooLarge and QuotaExceeded. `url_param`: what the caller named the URL."""
    service: Callable[[], Document]
    if new.url is not None:
        url = await customer_urls.checked(new.url, param=url_param, account_id=account_id)
        service = partial(documents.add_url, account_id=account_id, base_id=base_id, name=new.name, url=url)
    elif new.data is not None:
        service = partial(
            documents.add_file,
            account_id=account_id,
            base_id=base_id,
            name=new.name,
            data=new.data,
            media_type=new.media_type,
        )
    else:
        service = partial(
            documents.add_text, account_id=account_id, base_id=base_id, name=new.name, text=new.text or ""
        )
    if max(len(new.text or ""), len(new.data or b"")) > budget.SMALL_BYTES:
        return await large_bodies.store(account_id, service)
    # Additions of an account come one after the other, and wait for each other.
    return await threadpool.call_in_share(Share(account_id, ""), service)
