"""A conversation's page: the thread in order, other messages beside it, and nothing that a browser would run."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from conversations.admin.conversations import parts
from conversations.models import Conversation, Message
from conversations.queries.conversations import transcripts
from tests.builders.factories import (
    ConversationFactory,
    MessageFactory,
    ReferenceFactory,
    RunAttemptFactory,
    RunFactory,
)
from tests.integration.conversations.admin.conftest import Say

QUERIES_MAX = 16


def shown(admin_client: Client, conversation: Conversation, query: str = "") -> str:
    url = reverse("admin:conversations_conversation_change", args=[conversation.pk])
    return admin_client.get(url + query).content.decode().split('<section class="transcript"')[1].split("</section>")[0]


def texts(html: str) -> list[str]:
    """The paragraphs of all bubbles, in order."""
    return re.findall(r'<div class="transcript-text" dir="auto"><p>(.*?)</p>', html)


def test_shows_the_thread_in_order_with_its_system_prompt(
    admin_client: Client, say: Say, conversation: Conversation
) -> None:
    say("First", "One")
    say("Second", "Two")

    html = shown(admin_client, conversation)

    assert texts(html) == ["Be kind.", "First", "One", "Second", "Two"]
    assert html.count("transcript-by-user") == html.count("transcript-by-assistant") == 2


def test_shows_a_failed_turn_beside_the_thread(admin_client: Client, say: Say, conversation: Conversation) -> None:
    answer = say("First", "One")
    run = RunFactory.create(conversation=conversation, is_failed=True, error_message="The vendor broke.")
    RunAttemptFactory.create(run=run, outcome="failed", error_code="upstream_failed", worker_name="worker-7")
    MessageFactory.create(conversation=conversation, run=run, text="Lost", parent=answer)
    say("Second", "Two")

    html = shown(admin_client, conversation)

    beside = html.split('class="transcript-off-thread"')[1].split('class="transcript-facts"')[0]
    assert texts(html) == ["Be kind.", "First", "One", "Lost", "Second", "Two"]
    assert texts(beside) == ["Lost"]
    assert "failed: not part of the thread" in beside
    assert all(fact in html for fact in ("The vendor broke.", "upstream_failed", "worker-7"))


def test_shows_a_thread_that_never_got_an_answer(admin_client: Client, conversation: Conversation) -> None:
    MessageFactory.create(
        conversation=conversation, run=RunFactory.create(conversation=conversation, is_failed=True), text="Lost"
    )

    html = shown(admin_client, conversation)

    assert texts(html) == ["Be kind.", "Lost"]
    assert "Earlier messages" not in html


def test_says_that_a_question_waits(admin_client: Client, conversation: Conversation) -> None:
    MessageFactory.create(conversation=conversation, text="Patience")

    assert "waits for its turn" in shown(admin_client, conversation)


def test_shows_usage_and_references(admin_client: Client, say: Say, conversation: Conversation) -> None:
    run = say("First", "One").run
    run.usage = {"prompt_tokens": 1200, "completion_tokens": 34, "source": "estimated"}
    run.save(update_fields=["usage"])
    ReferenceFactory.create(run=run, kind="file", content="https://elsewhere.example/a.pdf", name="a.pdf")

    html = shown(admin_client, conversation)

    assert "1,200 + 34 tokens, estimated" in html
    assert "https://elsewhere.example/a.pdf" in html
    assert "src=" not in html


def test_pages_back_and_forth_without_loss(
    admin_client: Client, say: Say, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcripts, "MESSAGES_MAX", 3)
    for number in range(3):
        say(f"Q{number}", f"A{number}")
    run = RunFactory.create(conversation=conversation, is_failed=True)
    MessageFactory.create(conversation=conversation, run=run, text="Lost")

    newest = shown(admin_client, conversation)
    [before] = re.findall(r"\?before=(msg_\w+)", newest)
    earlier = shown(admin_client, conversation, f"?before={before}")

    assert texts(newest) == ["Be kind.", "A1", "Q2", "A2", "Lost"]
    assert texts(earlier) == ["Be kind.", "Q0", "A0", "Q1"]
    assert "Earlier messages" not in earlier
    assert "Newest messages" in earlier


def test_shows_a_failed_turn_on_the_page_of_its_time(
    admin_client: Client, say: Say, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcripts, "MESSAGES_MAX", 2)
    say("Q0", "A0")
    run = RunFactory.create(conversation=conversation, is_failed=True)
    MessageFactory.create(conversation=conversation, run=run, text="Lost")
    say("Q1", "A1")

    newest = shown(admin_client, conversation)
    [before] = re.findall(r"\?before=(msg_\w+)", newest)

    assert texts(newest) == ["Be kind.", "Q1", "A1"]
    assert texts(shown(admin_client, conversation, f"?before={before}")) == ["Be kind.", "Q0", "A0", "Lost"]


def test_ends_a_page_when_its_messages_are_heavy(
    admin_client: Client, say: Say, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcripts, "PARTS_BYTES_MAX", 1)
    say("Q0", "A0")

    html = shown(admin_client, conversation)

    assert texts(html) == ["Be kind.", "A0"]
    assert "Earlier messages" in html


def test_ignores_a_page_position_of_another_conversation(
    admin_client: Client, say: Say, conversation: Conversation
) -> None:
    say("First", "One")
    foreign: Message = MessageFactory.create(conversation=ConversationFactory.create(), text="Foreign")

    assert texts(shown(admin_client, conversation, f"?before={foreign.public_id}")) == ["Be kind.", "First", "One"]


def test_a_long_thread_takes_no_more_queries(
    admin_client: Client, say: Say, conversation: Conversation, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        say(f"Q{number}", f"A{number}")
        RunFactory.create(conversation=conversation, is_failed=True)

    with django_assert_max_num_queries(QUERIES_MAX):
        html = shown(admin_client, conversation)

    assert len(texts(html)) == 1 + 60


def test_cuts_a_long_message_and_shows_it_whole_when_asked(
    admin_client: Client, say: Say, conversation: Conversation
) -> None:
    answer = say("Long?", "x" * (parts.TEXT_SHOWN_CHARS + 1))

    cut, whole = shown(admin_client, conversation), shown(admin_client, conversation, f"?whole={answer.public_id}")

    assert len(texts(cut)[-1]) == parts.TEXT_SHOWN_CHARS
    assert f"?whole={answer.public_id}" in cut
    assert len(texts(whole)[-1]) == parts.TEXT_SHOWN_CHARS + 1


def test_shows_plain_text_once_the_page_is_full(
    admin_client: Client, say: Say, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PAGE_HTML_CHARS", 1)
    say("**old** <script>", "**new**")

    html = shown(admin_client, conversation)

    assert "<strong>new</strong>" in html or "<strong>old</strong>" in html
    assert "<pre>**" in html
    assert "<script>" not in html


HOSTILE = "<script>alert(1)</script> [x](javascript:alert(1)) ![p](https://evil.example/p.png)"


def test_shows_hostile_text_inert_everywhere(admin_client: Client, conversation: Conversation) -> None:
    run = RunFactory.create(conversation=conversation, is_failed=True, model=HOSTILE, error_message=HOSTILE)
    ReferenceFactory.create(run=run, content=HOSTILE, name=HOSTILE)
    said = [
        {"type": "text", "text": HOSTILE},
        {"type": "reasoning", "text": HOSTILE},
        {"type": "refusal", "text": HOSTILE},
        {"type": "image", "url": HOSTILE},
        {"type": "file", "filename": HOSTILE, "url": "data:text/html," + HOSTILE},
        {"type": "audio", "format": HOSTILE, "transcript": HOSTILE},
        {"type": "tool_call", "call_id": HOSTILE, "name": HOSTILE, "arguments": HOSTILE},
        {"type": "tool_result", "call_id": HOSTILE, "parts": [{"type": "text", "text": HOSTILE}], "is_error": True},
    ]
    MessageFactory.create(conversation=conversation, run=run, parts=said, name=HOSTILE)
    conversation.preset_text = HOSTILE
    conversation.save(update_fields=["preset_text"])

    html = shown(admin_client, conversation)

    assert html.count("&lt;script&gt;") >= 12
    assert not re.search(r"<(script|img|iframe)|href=\"(?!\?|/admin/|https://evil)|\son\w+=", html)


def test_shows_what_it_cannot_read(admin_client: Client, conversation: Conversation) -> None:
    MessageFactory.create(conversation=conversation, parts=[{"type": "hologram"}])

    assert "unknown type" in shown(admin_client, conversation)
