"""Whether a turn can have the tools that it names."""

from datetime import UTC, datetime

from conversations.dialects import registry
from conversations.errors import InvalidRequest
from conversations.queries.tools import definitions
from conversations.values.requests import RunRequest


def check(request: RunRequest, *, account_id: int) -> None:
    """Raises InvalidRequest that names an id which the account does not have, or which is disabled.

    Nobody could read the answer of a turn that is not stored once its reader has left, so it cannot wait for anybody.
    """
    asked = request.context.tools if request.context else ()
    if not asked:
        return
    param = registry.get(request.dialect).tools_param
    found = definitions.load(account_id=account_id, ids=asked, param=param, now=datetime.now(UTC))
    waiting = next((tool for tool in found.tools if tool.needs_approval), None)
    if waiting is not None and not request.is_stored:
        raise InvalidRequest(
            f"{param}: calls of {waiting.id} have to be approved, and only a turn that is stored can wait for that",
            param=param,
        )
