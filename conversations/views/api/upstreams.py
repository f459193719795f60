"""`/api/v1/upstreams`: where questions go, and what is out at the moment. For operators' keys alone."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from redis.exceptions import RedisError

from conversations import errors
from conversations.resources.upstreams import UPSTREAM_LIST
from conversations.routing import overview
from conversations.stores import redis_clients
from conversations.views.api.base import ApiView
from conversations.views.http import rate_limits, threadpool
from conversations.views.http.base import UNREACHABLE_RETRY_SECONDS, json_response


class UpstreamListView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        if not caller.is_operator:
            raise errors.OutOfScope("This is for operators' keys alone.")
        return json_response(await threadpool.call(_listed))


def _listed() -> dict[str, Any]:
    """In a thread as a whole: an installation may have thousands of targets."""
    try:
        states = overview.read(redis_clients.hurried())
    except RedisError as exc:
        raise errors.ServiceUnavailable(retry_after=UNREACHABLE_RETRY_SECONDS) from exc
    return UPSTREAM_LIST.to_representation({"results": states})
