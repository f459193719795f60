"""What the answer of a turn is rendered with."""

from conversations.values.runs import ReplyContext

RUN = "run_0193f27a6b494701b6886b9ac2346147"
KEY = "api_0193f27a-6b49-4701-b688-6b9ac2346147"


def context(visitor: str | None = None) -> ReplyContext:
    reply = {"visitorId": visitor} if visitor else {}
    return ReplyContext(
        run_id=RUN, conversation_id="c-1", is_stored=visitor is not None, model="gpt-4", trace_id="t-1", reply=reply
    )
