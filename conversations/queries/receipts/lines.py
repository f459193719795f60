"""The messages of a conversation as a receipt lists them: without their words, except where those matter.

What matters are calls of tools, their results and thoughts, by which messages are left out (`tool_pairs`), and files.
Words are read for one page, and no more of them than a page shows.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from conversations.receipts.messages import Line
from conversations.stores import statements
from providers import serialization
from providers.messages import Message, Part, RefusalPart, Role, TextPart, ToolResultPart

# Of the history, the newest: beyond these a receipt says only that there are more.
LISTED_MAX = 20_000
# Of a page's words, in characters; and of the messages that were not sent whole, in bytes of their JSON.
PAGE_MAX_CHARS = 2_000_000
WHOLE_MAX_BYTES = 2_000_000
# Of a link or a file's content: enough to name it, and to see that it is a PDF.
HEAD_CHARS = 300

# Of parts that are more than words; a `tool_result` holds parts itself.
_MATTER = """'$[*] ? (@.type == "tool_call" || @.type == "tool_result" || @.type == "reasoning"
             || @.type == "file" || @.type == "image" || @.type == "audio")'"""


def _slim(part: str) -> str:
    """A part without what may be megabytes. An empty text stays one, of any other its first character does."""
    return f"""jsonb_strip_nulls(jsonb_build_object(
      'type', {part}->'type', 'call_id', {part}->'call_id', 'filename', left({part}->>'filename', {HEAD_CHARS}),
      'file_id', {part}->'file_id', 'audio_id', {part}->'audio_id', 'url', left({part}->>'url', {HEAD_CHARS}),
      'name', left({part}->>'name', {HEAD_CHARS}), 'text', left({part}->>'text', 1),
      'provider_metadata', CASE WHEN {part}->>'text' = '' THEN {part}->'provider_metadata' END,
      'arguments', CASE WHEN {part}->>'type' = 'tool_call' THEN '' END,
      'data', left({part}->>'data', {HEAD_CHARS})))"""


# By hand because the ORM has no recursion. Each step is one look-up in the index message_has_one_conversation.
# Returned are those that were read for the prompt, and of the older ones a page: the newest, or those before a message.
PATH = """
WITH RECURSIVE path AS (
  SELECT m.id, m.parent_id, m.public_id, m.role, m.tokens, 1 AS depth FROM conversations_message m
  WHERE m.account_id = %(account_id)s AND m.conversation_id = %(conversation_id)s AND m.id = %(newest)s
  UNION ALL
  SELECT m.id, m.parent_id, m.public_id, m.role, m.tokens, path.depth + 1
  FROM path JOIN conversations_message m ON m.conversation_id = %(conversation_id)s AND m.id = path.parent_id
  WHERE path.depth < %(most)s AND m.account_id = %(account_id)s
)
, whole AS (
  SELECT count(*) AS total, GREATEST(%(read)s, (SELECT p.depth FROM path p WHERE p.public_id = %(before)s)) AS older,
         (array_agg(path.parent_id ORDER BY path.depth DESC))[1] IS NOT NULL AS has_more
  FROM path
)
SELECT path.id, path.public_id, path.role, path.tokens, path.depth, whole.*
FROM path, whole WHERE path.depth <= %(read)s OR path.depth BETWEEN whole.older + 1 AND whole.older + %(limit)s
ORDER BY path.depth DESC
"""

# Those of some messages that hold more than words, with their parts, slim.
PARTS = f"""
SELECT m.id, m.name, (
  SELECT jsonb_agg(CASE WHEN p.part->>'type' = 'tool_result' THEN {_slim("p.part")} || jsonb_build_object('parts', (
    SELECT COALESCE(jsonb_agg({_slim("i.part")} ORDER BY i.at), '[]')
    FROM jsonb_array_elements(p.part->'parts') WITH ORDINALITY AS i(part, at)
  )) ELSE {_slim("p.part")} END ORDER BY p.at)
  FROM jsonb_array_elements(m.parts) WITH ORDINALITY AS p(part, at)
)::text AS parts
FROM conversations_message m
WHERE m.account_id = %(account_id)s AND m.conversation_id = %(conversation_id)s AND m.id = ANY(%(ids)s)
  AND (jsonb_array_length(m.parts) > 1 OR m.parts->0->>'type' <> 'text') AND jsonb_path_exists(m.parts, {_MATTER})
"""  # noqa: S608 — put together of constants

# The same messages whole, the newest first, as many as fit together.
WHOLE = """
SELECT id, name, parts::text AS parts FROM (
  SELECT m.id, m.name, m.parts, sum(octet_length(m.parts::text)) OVER (ORDER BY m.id DESC) AS bytes
  FROM conversations_message m
  WHERE m.account_id = %(account_id)s AND m.conversation_id = %(conversation_id)s AND m.id = ANY(%(ids)s)
) AS found WHERE bytes <= %(most)s
"""

# The words of some messages, those of results of tools included; the newest first, as many as fit together. One that
# alone is too long takes no room.
WORDS = """
WITH said AS (
  SELECT m.id, (
    SELECT COALESCE(string_agg(w.word #>> '{}', '' ORDER BY p.at, w.at), '')
    FROM jsonb_array_elements(m.parts) WITH ORDINALITY AS p(part, at),
         jsonb_array_elements(
           jsonb_path_query_array(p.part, '$ ? (@.type == "text" || @.type == "refusal").text')
           || jsonb_path_query_array(
             p.part, '$ ? (@.type == "tool_result").parts[*] ? (@.type == "text" || @.type == "refusal").text')
         ) WITH ORDINALITY AS w(word, at)
  ) AS words
  FROM conversations_message m
  WHERE m.account_id = %(account_id)s AND m.conversation_id = %(conversation_id)s AND m.id = ANY(%(ids)s)
)
SELECT id, words FROM (
  SELECT id, words, sum(length(words)) OVER (ORDER BY id DESC) AS chars FROM said WHERE length(words) <= %(most)s
) AS found WHERE chars <= %(most)s
"""


@dataclass(frozen=True, slots=True)
class Path:
    """The messages before a turn, oldest first. `read`: those that its prompt was made of.

    `older`: a page of the others, which begins with the one at `older_from`. There are `older_count` of them that can
    be listed; `has_more`: and others. `before`: how many stand before the message that the page ends at.
    """

    read: Sequence[Line] = ()
    older: Sequence[Line] = ()
    older_from: int = 0
    older_count: int = 0
    before: int = 0
    has_more: bool = False


def of_path(
    *, account_id: int, conversation_id: int, newest: int | None, read: int | None, limit: int, before: str
) -> Path:
    """To the message `newest`. `read`: how many of its messages were; None for all."""
    if newest is None:
        return Path()
    given = {"account_id": account_id, "conversation_id": conversation_id, "newest": newest, "most": LISTED_MAX}
    wanted = {"read": LISTED_MAX if read is None else read, "limit": limit, "before": before}
    rows = statements.fetch_all(PATH, given | wanted)
    if not rows:
        return Path()
    whole = rows[0]
    older = [row for row in rows if row["depth"] > wanted["read"]]
    return Path(
        read=[_line(row) for row in rows[len(older) :]],
        older=[_line(row) for row in older],
        older_from=whole["total"] - older[0]["depth"] if older else 0,
        older_count=max(0, whole["total"] - wanted["read"]),
        before=max(0, whole["total"] - whole["older"]),
        has_more=whole["has_more"],
    )


def _line(row: Mapping[str, Any]) -> Line:
    return Line.plain(row["public_id"], row["role"], row["tokens"], row["id"])


def of_rows(rows: Sequence[tuple[int, str, str, int]]) -> list[Line]:
    """Of key, public id, role and tokens."""
    return [Line.plain(public_id, role, tokens, key) for key, public_id, role, tokens in rows]


def with_parts(lines: Sequence[Line], *, account_id: int, conversation_id: int) -> list[Line]:
    """The lines, those with their parts whose parts matter: slim, for it may be megabytes of each."""
    keys = [line.key for line in lines if line.key is not None]
    if not keys:
        return list(lines)
    given = {"account_id": account_id, "conversation_id": conversation_id, "ids": keys}
    return _with(lines, statements.fetch_all(PARTS, given), is_whole=False)


def whole(lines: Sequence[Line], keys: Collection[int], *, account_id: int, conversation_id: int) -> list[Line]:
    """The lines, those of these keys whole: the newest, as far as WHOLE_MAX_BYTES go."""
    given = {"account_id": account_id, "conversation_id": conversation_id, "ids": list(keys), "most": WHOLE_MAX_BYTES}
    return _with(lines, statements.fetch_all(WHOLE, given), is_whole=True)


def _with(lines: Sequence[Line], rows: Sequence[Mapping[str, Any]], *, is_whole: bool) -> list[Line]:
    found = {row["id"]: row for row in rows}
    return [_with_parts(line, found[line.key], is_whole) if line.key in found else line for line in lines]


def _with_parts(line: Line, row: Mapping[str, Any], is_whole: bool) -> Line:
    parts = serialization.load_parts(orjson.loads(row["parts"]))
    return replace(line, message=Message(Role(line.message.role), parts, row["name"] or None), is_whole=is_whole)


def words(keys: Collection[int], *, account_id: int, conversation_id: int) -> Mapping[int, str]:
    """What the messages say, as far as a page has room for it."""
    given = {"account_id": account_id, "conversation_id": conversation_id, "ids": list(keys), "most": PAGE_MAX_CHARS}
    rows = statements.fetch_all(WORDS, given) if keys else []
    return {row["id"]: row["words"] for row in rows}


def said(parts: Sequence[Part]) -> str:
    """The words of a message, those of tools' results included."""
    return "".join(map(_said, parts))


def _said(part: Part) -> str:
    if isinstance(part, ToolResultPart):
        return said(part.parts)
    return part.text if isinstance(part, TextPart | RefusalPart) else ""
