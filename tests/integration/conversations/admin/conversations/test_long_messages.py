"""Messages of megabytes: a page shows a part of limited size, a download all of it."""

import pytest
from django.test import Client

from conversations.admin.conversations import parts
from conversations.admin.site import formatting
from conversations.models import Conversation, Message
from conversations.queries.conversations import transcripts
from tests.builders.factories import ConversationFactory, MessageFactory, ReferenceFactory, RunFactory
from tests.integration.conversations.admin.conftest import Say
from tests.integration.conversations.admin.conversations.test_transcript import shown, texts


def page(conversation: Conversation, query: str = "") -> str:
    return f"/admin/conversations/conversation/{conversation.pk}/change/{query}"


def test_shows_more_of_a_message_that_is_asked_for_but_not_megabytes(
    admin_client: Client, say: Say, conversation: Conversation
) -> None:
    answer = say("Long?", "x" * (parts.EXPANDED_TEXT_SHOWN_CHARS + 1))

    cut, more = shown(admin_client, conversation), shown(admin_client, conversation, f"?whole={answer.public_id}")

    assert len(texts(cut)[-1]) == parts.TEXT_SHOWN_CHARS
    assert len(texts(more)[-1]) == parts.EXPANDED_TEXT_SHOWN_CHARS
    assert ["Show more" in html for html in (cut, more)] == [True, False]
    assert all(f'href="?download={answer.public_id}"' in html for html in (cut, more))


def test_offers_the_whole_message_as_a_file_that_no_browser_runs(
    admin_client: Client, say: Say, conversation: Conversation
) -> None:
    text = "<script>alert(1)</script>" * 10_000
    answer = say("Long?", text)

    response = admin_client.get(page(conversation, f"?download={answer.public_id}"))

    assert response.content.decode() == text
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["Content-Disposition"] == f'attachment; filename="{answer.public_id}.txt"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response["Cache-Control"]


def test_names_in_the_file_what_is_no_plain_text(admin_client: Client, conversation: Conversation) -> None:
    said = [
        {"type": "text", "text": "Look:"},
        {"type": "reasoning", "text": "hm"},
        {"type": "refusal", "text": "no"},
        {"type": "image", "url": "https://x.example/i.png"},
        {"type": "file", "filename": "a.pdf", "data": "QQ=="},
        {"type": "audio", "format": "mp3", "transcript": "la"},
        {"type": "tool_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "tool_result", "call_id": "c1", "parts": [{"type": "text", "text": "42"}], "is_error": True},
    ]
    message = MessageFactory.create(conversation=conversation, parts=said)

    response = admin_client.get(page(conversation, f"?download={message.public_id}"))

    assert response.content.decode() == (
        "Look:\n\n[reasoning]\nhm\n\n[refusal]\nno\n\n[image]\nhttps://x.example/i.png\n\n[file a.pdf]\nQQ==\n\n"
        "[audio mp3]\nla\n\n[calls f · c1]\n{}\n\n[error of c1]\n\n42"
    )


@pytest.mark.parametrize("wanted", ["msg_none", "%ff", "x" * 5_000, "1"])
def test_offers_no_file_of_a_missing_message(admin_client: Client, conversation: Conversation, wanted: str) -> None:
    assert admin_client.get(page(conversation, f"?download={wanted}")).status_code == 404


def test_gives_no_message_of_another_conversation(admin_client: Client, conversation: Conversation) -> None:
    foreign: Message = MessageFactory.create(conversation=ConversationFactory.create(), text="Foreign")

    assert admin_client.get(page(conversation, f"?download={foreign.public_id}")).status_code == 404


def test_ends_with_the_text_that_fits_a_page(
    admin_client: Client, say: Say, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PAGE_TEXT_CHARS", 12)
    say("old words", "new words")

    html = shown(admin_client, conversation)

    assert "new words" in html or "old words" in html
    assert html.count("Download it whole") == 1


def test_limits_the_parts_shown_of_a_message(admin_client: Client, conversation: Conversation) -> None:
    many = [{"type": "text", "text": f"part {number}"} for number in range(parts.PARTS_SHOWN + 1)]
    MessageFactory.create(conversation=conversation, parts=many)

    html = shown(admin_client, conversation)

    assert f"part {parts.PARTS_SHOWN - 1}<" in html
    assert f"part {parts.PARTS_SHOWN}<" not in html
    assert html.count("Download it whole") == 1


@pytest.mark.parametrize("is_on_the_thread", [True, False])
def test_limits_a_page_by_the_length_of_its_messages_and_not_by_their_compressed_size(
    admin_client: Client, say: Say, conversation: Conversation, monkeypatch: pytest.MonkeyPatch, is_on_the_thread: bool
) -> None:
    monkeypatch.setattr(transcripts, "PARTS_BYTES_MAX", 50_000)
    for number in range(3):
        if is_on_the_thread:
            say(f"Q{number}", "x" * 100_000)
        else:
            run = RunFactory.create(conversation=conversation, is_failed=True)
            MessageFactory.create(conversation=conversation, run=run, text="x" * 100_000)

    html = shown(admin_client, conversation)

    assert html.count("x" * parts.TEXT_SHOWN_CHARS) == 1
    assert ("Earlier messages" if is_on_the_thread else "more messages off the thread") in html


def test_reads_no_more_of_a_reference_than_it_shows(admin_client: Client) -> None:
    run = RunFactory.create()
    ReferenceFactory.create(run=run, content="x" * 300_000)

    html = admin_client.get(f"/admin/conversations/run/{run.pk}/change/").content.decode()

    assert f"{'x' * formatting.TEXT_SHOWN_CHARS}…" in html
    assert "x" * (formatting.TEXT_SHOWN_CHARS + 1) not in html
    assert "Cut here: it has 300,000 characters." in html
