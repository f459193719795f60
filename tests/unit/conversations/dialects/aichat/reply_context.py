"""A turn that was asked, for its answer."""

from conversations.values.runs import ReplyContext


def asked() -> ReplyContext:
    return ReplyContext(run_id="run_1", conversation_id="c-1", is_stored=True, model="gpt-4", trace_id="t-1")
