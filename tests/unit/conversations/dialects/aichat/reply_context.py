"""What the answer of a turn is rendered with."""

from conversations.values.runs import ReplyContext


def context() -> ReplyContext:
    return ReplyContext(run_id="run_1", conversation_id="c-1", is_stored=True, model="gpt-4", trace_id="t-1")
