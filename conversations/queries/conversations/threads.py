"""How much of a history that is sent again its conversation has already, on any branch.

The work grows with what was sent, not with the conversation: messages are compared by their digests, inside the
database. Rows of releases that wrote no digest match any, and are then read and compared by their content.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson

from conversations.rules.conversations import resent_history
from conversations.rules.conversations.resent_history import DIGEST_BYTES, Continuation
from conversations.stores import statements
from providers import serialization
from providers.messages import Message as MessageValue
from providers.messages import Role

# How many messages one look goes through besides as many as were sent, and how many bytes of those without a digest it
# reads. Requests have similar limits.
MESSAGES_MAX = 20_000
BYTES_MAX = 32_000_000
# Messages without a digest that are read at once, so as many may be in memory beyond BYTES_MAX.
CHUNK = 50

# The sent history, from its first message on, down the conversation's tree. A question that was asked twice, perhaps
# after a failure, has two messages with one parent. All that match are followed. `depth` is how many match in a row,
# `ends` the ids of the last ones among them. When all match, `ends` are those at the depth `when_all` instead.
# `unsure` has all that was followed, as JSON, when a message without a digest is among it.
# `substr` takes a slice out of all digests; an array of them would be walked for every element.
# OFFSET 0 keeps the planner from reading the whole conversation once instead of asking the index for each parent.
# LIMIT ends the recursion: its rows come in the order of their depth.
DOWN = """
WITH RECURSIVE thread AS (
  SELECT id, head_id FROM conversations_conversation
  WHERE account_id = %(account_id)s AND public_id = %(conversation_id)s AND deleted_at IS NULL
), down AS (
  SELECT m.id, m.parent_id, m.conversation_id, m.digest IS NULL AS is_unsure, 1 AS depth
  FROM thread JOIN conversations_message m ON m.conversation_id = thread.id AND m.parent_id IS NULL
  WHERE m.digest IS NULL OR m.digest = substr(%(digests)s::bytea, 1, %(size)s)
  UNION ALL
  SELECT m.id, down.id, down.conversation_id, m.digest IS NULL, down.depth + 1
  FROM down CROSS JOIN LATERAL (
    SELECT m.id, m.digest FROM conversations_message m
    WHERE m.conversation_id = down.conversation_id AND m.parent_id = down.id
      AND (m.digest IS NULL OR m.digest = substr(%(digests)s::bytea, down.depth * %(size)s + 1, %(size)s))
    OFFSET 0
  ) m
  WHERE down.depth < %(sent)s
), followed AS MATERIALIZED (
  SELECT depth, id, parent_id, is_unsure FROM down LIMIT %(most)s
), reached AS (
  SELECT COALESCE(max(depth), 0) AS depth, COALESCE(bool_or(is_unsure), false) AS is_unsure FROM followed
)
SELECT thread.id, thread.head_id, reached.depth,
       ARRAY(SELECT followed.id FROM followed WHERE followed.depth =
             CASE reached.depth WHEN %(sent)s THEN %(when_all)s ELSE reached.depth END) AS ends,
       CASE WHEN reached.is_unsure THEN (
         SELECT json_agg(json_build_array(depth, id, parent_id, is_unsure) ORDER BY depth)::text FROM followed
       ) END AS unsure
FROM thread, reached
"""

# The digests of the path's last messages, oldest first, as one value; zeros for none. `unsure_ids` are the messages
# without one, the newest first, and `unsure_depths` how far from the head each is, beginning with 1.
TAIL = """
WITH RECURSIVE path AS (
  SELECT m.id, m.parent_id, m.digest, 1 AS depth FROM conversations_message m WHERE m.id = %(head)s
  UNION ALL
  SELECT m.id, m.parent_id, m.digest, path.depth + 1
  FROM path JOIN conversations_message m ON m.id = path.parent_id WHERE path.depth < %(most)s
)
SELECT COALESCE(string_agg(COALESCE(digest, decode(repeat('00', %(size)s), 'hex')), ''::bytea ORDER BY depth DESC), '')
       AS digests,
       COALESCE(array_agg(id ORDER BY depth) FILTER (WHERE digest IS NULL), '{}') AS unsure_ids,
       COALESCE(array_agg(depth ORDER BY depth) FILTER (WHERE digest IS NULL), '{}') AS unsure_depths
FROM path
"""

# The one of some messages that the path goes through, if any.
ON_PATH = """
WITH RECURSIVE path AS (
  SELECT m.id, m.parent_id, 1 AS depth FROM conversations_message m WHERE m.id = %(head)s
  UNION ALL
  SELECT m.id, m.parent_id, path.depth + 1
  FROM path JOIN conversations_message m ON m.id = path.parent_id WHERE path.depth < %(most)s
)
SELECT id FROM path WHERE id = ANY(%(ids)s) LIMIT 1
"""

# What some messages say, in the order of their ids as given.
CONTENTS = """
SELECT json_agg(json_build_array(m.role, m.parts, m.parts_version) ORDER BY given.place)::text AS contents
FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS given(id, place)
LEFT JOIN conversations_message m ON m.id = given.id
"""


def recognise(sent: Sequence[MessageValue], *, account_id: int, conversation_id: str) -> Continuation:
    """What of the sent messages is new to the conversation: all when the account has no such conversation.

    First the conversation is compared from its beginning, then its end with the beginning of what was sent.
    """
    digests = [resent_history.digest(message) for message in sent]
    found = statements.fetch_one_or_none(
        DOWN,
        {
            "account_id": account_id,
            "conversation_id": conversation_id,
            "digests": b"".join(digests),
            "size": DIGEST_BYTES,
            "sent": len(sent),
            "when_all": resent_history.first_new(sent, matched=len(sent)),
            "most": MESSAGES_MAX + len(sent),
        },
    )
    if found is None:
        return Continuation()
    head = found["head_id"]
    if found["unsure"]:
        levels = _levels(orjson.loads(found["unsure"]), digests)
        new_from = resent_history.first_new(sent, matched=len(levels))
        ends = levels[new_from - 1] if new_from else []
    else:
        new_from, ends = resent_history.first_new(sent, matched=found["depth"]), found["ends"]
    if resent_history.has_answer(sent[:new_from]):
        after = _nearest(ends, head=head)
        return Continuation(new_from, None if after == head else after, head)
    path = _path(head=head, most=len(sent))
    return Continuation(resent_history.overlapping(sent, digests, path), head=head)


def _levels(rows: Sequence[Sequence[Any]], digests: Sequence[bytes]) -> list[list[int]]:
    """The ids at each depth that match, of what DOWN followed; ends at no match."""
    contents = _contents([pk for _, pk, _, is_unsure in rows if is_unsure])
    levels: list[list[int]] = []
    parents: set[int | None] = {None}
    for depth, level in groupby(rows, key=itemgetter(0)):
        matching = [
            pk
            for _, pk, parent, is_unsure in level
            if (not is_unsure or next(contents, None) == digests[depth - 1]) and parent in parents
        ]
        if not matching:
            break
        levels.append(matching)
        parents = {*matching}
    return levels


def _path(*, head: int | None, most: int) -> Sequence[bytes]:
    """The digests of the last messages of the path to the head, oldest first."""
    row = statements.fetch_one(TAIL, {"head": head, "most": most, "size": DIGEST_BYTES})
    path = [row["digests"][at : at + DIGEST_BYTES] for at in range(0, len(row["digests"]), DIGEST_BYTES)]
    contents = _contents(row["unsure_ids"])
    for depth in row["unsure_depths"]:
        digest = next(contents, None)
        if digest is None:
            # The rest would be more than may be read.
            return path[len(path) - depth + 1 :]
        path[-depth] = digest
    return path


def _nearest(ends: Sequence[int], *, head: int | None) -> int:
    """The one on the path to the head, else the newest."""
    if len(ends) == 1:
        return ends[0]
    row = statements.fetch_one_or_none(ON_PATH, {"head": head, "ids": list(ends), "most": MESSAGES_MAX})
    return row["id"] if row else max(ends)


def _contents(pks: Sequence[int]) -> Iterator[bytes]:
    """The digests of messages that have none, by their content. Ends early when that is more than BYTES_MAX.

    Ends early too when one was deleted meanwhile.
    """
    left = BYTES_MAX
    for begin in range(0, len(pks), CHUNK):
        rows = statements.fetch_one(CONTENTS, {"ids": pks[begin : begin + CHUNK]})["contents"]
        for role, parts, version in orjson.loads(rows):
            if parts is None:
                return
            left -= serialization.size(parts)
            if left < 0:
                return
            value = MessageValue(Role(role), serialization.load_parts(parts, version=version))
            yield resent_history.digest(value)
