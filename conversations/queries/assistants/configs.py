"""An assistant as a turn uses it now."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.conf import settings

from conversations import errors
from conversations.queries.assistants import assistants
from conversations.rules.generation import preset_options
from conversations.stores import statements
from conversations.values.assistants import AssistantConfig, AssistantKind, Fallback, FallbackHandler

# Every turn of an assistant asks this first: by the ORM it would take a millisecond.
# Of the bases and tools that it names those that were deleted or disabled since are left out: who asks it could not
# mend it. Each is looked up by its key, for their plan must hold however many an account has.
_CONFIG = """
SELECT a.id, a.public_id, a.is_default, v.number, v.kind, v.name, v.model, v.prompt, v.options::text AS options,
       v.has_context, v.history_most, v.search, v.fallback, v.fallback_text, v.decodes_base64, v.greeting,
       v.requires_token, v.intents::text AS intents,
       ARRAY(
         SELECT named.id FROM jsonb_array_elements_text(v.knowledge) WITH ORDINALITY AS named (id, position)
         WHERE (SELECT b.id FROM conversations_knowledgebase b
                WHERE b.public_id = named.id AND b.account_id = v.account_id AND b.deleted_at IS NULL) IS NOT NULL
         ORDER BY named.position
       ) AS knowledge,
       ARRAY(
         SELECT named.id FROM jsonb_array_elements_text(v.tools) WITH ORDINALITY AS named (id, position)
         WHERE COALESCE(
           (SELECT t.id FROM conversations_tool t
            WHERE t.public_id = named.id AND t.account_id = v.account_id AND t.is_enabled),
           (SELECT m.id FROM conversations_mcpserver m
            WHERE m.public_id = named.id AND m.account_id = v.account_id AND m.is_enabled)) IS NOT NULL
         ORDER BY named.position
       ) AS tools
FROM conversations_assistant a
JOIN conversations_assistantversion v ON v.assistant_id = a.id AND v.number = a.version AND v.account_id = a.account_id
WHERE a.account_id = %(account_id)s AND a.deleted_at IS NULL AND {which}
"""
_BY_ID = _CONFIG.format(which="a.public_id = %(assistant_id)s")
_DEFAULT = _CONFIG.format(which="a.is_default")


def load(*, account_id: int, assistant_id: str | None) -> AssistantConfig:
    """The newest version of the assistant; None is the account's default one. One look-up.

    Raises NotFound for one that is unknown or deleted, and for a default one that was not made yet
    (`services/assistants/defaults.py`).
    """
    statement = _DEFAULT if assistant_id is None else _BY_ID
    row = statements.fetch_one_or_none(statement, {"account_id": account_id, "assistant_id": assistant_id})
    if row is None:
        raise errors.NotFound(assistants.NOT_FOUND)
    return _config(row)


def _config(row: Mapping[str, Any]) -> AssistantConfig:
    return AssistantConfig(
        pk=row["id"],
        public_id=row["public_id"],
        version=row["number"],
        kind=AssistantKind(row["kind"]),
        name=row["name"],
        model=row["model"] or settings.DEFAULT_MODEL,
        prompt=row["prompt"],
        options=preset_options.usable_of(orjson.loads(row["options"])),
        has_context=row["has_context"],
        history_most=row["history_most"],
        knowledge=tuple(row["knowledge"]),
        search=row["search"],
        tools=tuple(row["tools"]),
        intents=tuple(orjson.loads(row["intents"])),
        fallback=Fallback(FallbackHandler(row["fallback"]), row["fallback_text"]),
        decodes_base64=row["decodes_base64"],
        greeting=row["greeting"],
        requires_token=row["requires_token"],
        is_default=row["is_default"],
    )
