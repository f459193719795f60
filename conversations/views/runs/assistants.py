"""The assistant that a request is made for, looked up before the request is accepted."""

from functools import partial

from conversations import errors
from conversations.queries.assistants import configs
from conversations.rules.assistants import models
from conversations.services.assistants import defaults
from conversations.values.assistants import AssistantConfig
from conversations.values.callers import Caller
from conversations.values.requests import Operation
from conversations.views.http import threadpool
from conversations.views.http.thread_shares import Share

ONLY_CHATS = "An assistant answers chats; embeddings and completions need the name of a model."


async def config_of(caller: Caller, assistant_id: str | None) -> AssistantConfig:
    """Its newest version; None is the account's default assistant. Raises NotFound for one unknown or deleted."""
    load = partial(configs.load, account_id=caller.account_id, assistant_id=assistant_id)
    try:
        return await threadpool.call(load)
    except errors.NotFound:
        if assistant_id is not None:
            raise
        # Once in an account's life. It waits for the account's row, which others may hold.
        made = partial(defaults.config_of, account_id=caller.account_id, assistant_id=None)
        return await threadpool.call_in_share(Share(caller.account_id, ""), made)


def is_named(model: str, operation: Operation) -> bool:
    """Whether the model stands for an assistant. Raises InvalidRequest where none can answer."""
    if not models.is_assistant(model):
        return False
    if operation is not Operation.CHAT:
        raise errors.InvalidRequest(ONLY_CHATS, param="model")
    return True


async def config_of_model(caller: Caller, model: str) -> AssistantConfig | None:
    """None for the name of a model. Raises UnknownModel for an assistant that is unknown or deleted."""
    if not models.is_assistant(model):
        return None
    try:
        return await config_of(caller, models.assistant_id(model))
    except errors.NotFound as exc:
        raise errors.UnknownModel(
            f"There is no assistant {models.assistant_id(model)[: models.SHOWN_CHARS]!r}.", param="model"
        ) from exc
