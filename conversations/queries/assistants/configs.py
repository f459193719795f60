"""An assistant as a turn uses it now."""

from collections.abc import Iterable, Sequence

from django.conf import settings

from conversations import errors
from conversations.models import AssistantVersion, KnowledgeBase, McpServer, Tool
from conversations.queries.assistants import assistants
from conversations.rules.generation import preset_options
from conversations.values.assistants import AssistantConfig, AssistantKind, Fallback, FallbackHandler


def load(*, account_id: int, assistant_id: str | None) -> AssistantConfig:
    """The newest version of the assistant; None is the account's default one.

    One look-up, and one more for the bases and tools that it names. Raises NotFound for one that is unknown or deleted,
    and for a default one that was not made yet (`services/assistants/defaults.py`).
    """
    own = assistants.newest(account_id=account_id)
    found = (
        own.filter(assistant__is_default=True)
        if assistant_id is None
        else own.filter(assistant__public_id=assistant_id)
    )
    if (version := found.first()) is None:
        raise errors.NotFound(assistants.NOT_FOUND)
    return _config(version)


def _config(version: AssistantVersion) -> AssistantConfig:
    return AssistantConfig(
        pk=version.assistant_id,
        public_id=version.assistant.public_id,
        version=version.number,
        kind=AssistantKind(version.kind),
        name=version.name,
        model=version.model or settings.DEFAULT_MODEL,
        prompt=version.prompt,
        options=preset_options.usable_of(version.options),
        has_context=version.has_context,
        history_most=version.history_most,
        knowledge=_bases(version),
        search=version.search,
        tools=_tools(version),
        intents=tuple(version.intents),
        fallback=Fallback(FallbackHandler(version.fallback), version.fallback_text),
        decodes_base64=version.decodes_base64,
        greeting=version.greeting,
        requires_token=version.requires_token,
        is_default=version.assistant.is_default,
    )


def _bases(version: AssistantVersion) -> tuple[str, ...]:
    """Without those that were deleted since: who asks the assistant could not mend it."""
    if not version.knowledge:
        return ()
    bases = KnowledgeBase.objects.for_account(version.account_id).filter(deleted_at=None)
    return _known(version.knowledge, bases.filter(public_id__in=version.knowledge).values_list("public_id", flat=True))


def _tools(version: AssistantVersion) -> tuple[str, ...]:
    """Without those that were deleted or disabled since."""
    if not version.tools:
        return ()
    tools, servers = (
        model.objects.for_account(version.account_id).filter(public_id__in=version.tools, is_enabled=True)
        for model in (Tool, McpServer)
    )
    both = tools.values_list("public_id", flat=True).union(servers.values_list("public_id", flat=True), all=True)
    return _known(version.tools, both)


def _known(named: Sequence[str], found: Iterable[str]) -> tuple[str, ...]:
    known = set(found)
    return tuple(public_id for public_id in named if public_id in known)
