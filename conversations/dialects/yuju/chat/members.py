"""The members of an answer that its JSON and the last event of its stream share (docs/contract D.3, D.6)."""

import html
from collections.abc import Mapping
from typing import Any

from conversations.dialects.api import sources
from conversations.dialects.yuju.chat.turn import VISITOR_ID
from conversations.rules.money import cost
from conversations.values import msg_keys
from conversations.values.context.sources import Source, SourceKind
from conversations.values.runs import ReplyContext, RunEnded
from conversations.values.tool_calls import required_on_wire

Json = dict[str, Any]


def head(context: ReplyContext) -> Json:
    return {"msgKey": msg_keys.of_run(context.run_id), "visitorId": visitor(context.reply)}


def visitor(reply: Mapping[str, Any]) -> str | None:
    return reply.get(VISITOR_ID)


def end(context: ReplyContext, ended: RunEnded) -> Json:
    """What is known at the end: with `source` always, and more where the answer has more."""
    return {
        "source": [_source(source) for source in ended.sourced.sources],
        "usage": {"total_cost": float(cost.on_wire(ended.cost))},
        **sources.members(ended.sourced),
        **(required_on_wire(context.run_id, ended.required) if ended.required else {}),
    }


def _source(source: Source) -> Json:
    """Texts are HTML, as those of search engines are: their own have no tag but `<b>`."""
    is_found = source.kind is SourceKind.SEARCH
    words = source.excerpt.text if source.excerpt else ""
    return {
        "link": source.url,
        "snippet": source.snippet if is_found and source.snippet else html.escape(words, quote=False),
        "title": source.title if is_found else html.escape(source.title, quote=False),
    }
