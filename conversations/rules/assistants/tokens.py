"""Who may ask an assistant in the name of a visitor."""

from conversations.errors import OutOfScope
from conversations.values.assistants import AssistantConfig, VisitorGiven
from conversations.values.callers import Caller

TOKEN_IS_NEEDED = "This assistant answers visitors only with a client token of theirs, not with an API key."  # noqa: S105


def check(config: AssistantConfig, visitor: VisitorGiven | None, caller: Caller) -> None:
    """Raises OutOfScope.

    A key that is in a browser, and a guessed id, would otherwise be enough to read another visitor's thread.
    """
    if config.requires_token and visitor is not None and caller.visitor != visitor.external_id:
        raise OutOfScope(TOKEN_IS_NEEDED)
