"""What a browser may ask with a client token: docs/client-tokens.md has the table.

It asks assistants, in the name of its visitor, and chooses nothing that costs its account more or shows what is not
the visitor's. What is allowed is listed here, so that a new field of a family is refused until somebody thinks of it.
"""

import hashlib
from dataclasses import replace

from conversations import errors
from conversations.rules.assistants import models
from conversations.values.assistants import VisitorGiven
from conversations.values.callers import Caller
from conversations.values.context.sources import ContextAsked
from conversations.values.requests import Operation, Preconditions, RunRequest
from providers.messages import Role

# It only names the visitor to the vendor.
OPTIONS = {"user"}
ROLES = {Role.USER, Role.ASSISTANT}
ONLY_ASSISTANTS = 'A client token asks assistants alone: "assistant:<id>".'


def check_scope(caller: Caller, scope: str | None) -> None:
    """`scope`: what a route needs of a token; None for one that takes none. Raises OutOfScope."""
    if scope is None:
        raise errors.OutOfScope("A client token may not be used for this.")
    if scope not in caller.scopes:
        raise errors.OutOfScope(f"The client token does not have the scope {scope}.")


def check_model(model: str) -> None:
    """Before it is looked up: who asks for an unknown one is told the names of the others. Raises OutOfScope."""
    if model and not models.is_assistant(model):
        raise errors.OutOfScope(ONLY_ASSISTANTS, param="model")


def in_name_of_visitor(request: RunRequest, caller: Caller) -> RunRequest:
    """The request as its visitor's. Raises OutOfScope for another visitor, and for what a browser may not choose."""
    user = request.options.get("user") or caller.visitor
    visitor = request.visitor or VisitorGiven(caller.visitor)
    if user != caller.visitor or visitor.external_id != caller.visitor:
        raise errors.OutOfScope("The client token is of another visitor.", param="visitor")
    if visitor.attributes:
        raise _chosen("what is kept of its visitor", param="fielditem")
    _check_choices(request)
    return replace(request, visitor=visitor)


def check_accepting(preconditions: Preconditions, *, is_task: bool) -> None:
    """Raises OutOfScope. A dry run shows prompts, and a task's caller does not wait, so nothing bounds its tasks."""
    if is_task:
        raise _chosen("callback_url or async", param="callback_url")
    if preconditions.is_dry_run:
        raise _chosen("X-Dry-Run", param="X-Dry-Run")


def check_assistant(request: RunRequest, caller: Caller) -> None:
    """Once the request knows its assistant. Raises OutOfScope."""
    if request.assistant is None:
        raise errors.OutOfScope(ONLY_ASSISTANTS, param="model")
    if caller.assistant and request.assistant.public_id != caller.assistant:
        raise errors.OutOfScope("The client token is for another assistant.", param="model")


def own_key(preconditions: Preconditions, caller: Caller) -> Preconditions:
    """With an idempotency key that is the visitor's: two visitors may choose the same one, and none learns of it."""
    if not preconditions.idempotency_key:
        return preconditions
    named = f"{caller.limited_as} {preconditions.idempotency_key}"
    return replace(preconditions, idempotency_key="visitor:" + hashlib.sha256(named.encode()).hexdigest())


def _check_choices(request: RunRequest) -> None:
    if request.operation is not Operation.CHAT:
        raise errors.OutOfScope("A client token may not be used for this.")
    check_model(request.model)
    if request.preset is not None:
        raise _chosen("a preset or a system prompt", param="preset")
    if any(message.role not in ROLES for message in request.messages):
        raise _chosen("messages that are neither the user's nor the assistant's", param="messages")
    if request.context not in (None, ContextAsked()):
        raise _chosen("knowledge, search, tools or intents", param="knowledge")
    if beyond := sorted(set(request.options) - OPTIONS):
        raise _chosen(beyond[0], param=beyond[0])


def _chosen(what: str, *, param: str) -> errors.OutOfScope:
    return errors.OutOfScope(f"With a client token {what} may not be chosen.", param=param)
