"""Which vendor and model a name means, for each operation."""

from typing import Any

import pytest

from conversations import errors, routing
from conversations.values.requests import Operation

CHAT, COMPLETION, EMBEDDING = Operation.CHAT, Operation.COMPLETION, Operation.EMBEDDING


@pytest.fixture(autouse=True)
def only_openai(settings: Any) -> None:
    settings.VENDOR_SETTINGS = {"OPENAI_API_KEY": "sk-1"}
    settings.DEFAULT_VENDOR = ""


@pytest.mark.parametrize(
    ("model", "operation"),
    [
        ("gpt-4o", CHAT),
        ("gpt-4o", COMPLETION),
        ("text-embedding-3-small", EMBEDDING),
        ("echo", CHAT),
        ("echo", COMPLETION),
        ("echo", EMBEDDING),
    ],
)
def test_finds_the_vendor_of_a_model_that_can_do_it(model: str, operation: Operation) -> None:
    assert routing.for_model(model, operation=operation)[0].target.model == model


@pytest.mark.parametrize("operation", [CHAT, COMPLETION])
def test_asks_no_words_of_a_model_that_makes_vectors(operation: Operation) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        routing.for_model("text-embedding-3-small", operation=operation)

    assert caught.value.message.startswith("The model text-embedding-3-small makes embeddings; it writes no text.")
    assert caught.value.param == "model"
    assert "gpt-4o-mini," in caught.value.message
    assert "text-embedding-3-large" not in caught.value.message


def test_has_a_model_that_continues_texts_answer_nothing() -> None:
    assert routing.for_model("gpt-3.5-turbo-instruct", operation=COMPLETION)[0].target.context_window == 4_096

    with pytest.raises(errors.InvalidRequest) as chatting:
        routing.for_model("gpt-3.5-turbo-instruct", operation=CHAT)
    with pytest.raises(errors.InvalidRequest) as embedding:
        routing.for_model("gpt-3.5-turbo-instruct", operation=EMBEDDING)

    said = "The model gpt-3.5-turbo-instruct only continues texts (/v1/completions). Configured here: "
    assert chatting.value.message.startswith(said)
    assert embedding.value.message.startswith(said)
    assert "instruct" not in chatting.value.message.removeprefix(said)


@pytest.mark.parametrize(
    ("model", "default", "taken"),
    [
        ("deepseek-v3", "", {"thinking": 1}),
        ("gpt-4o", "", {}),
        ("llama-9", "", {}),
        ("llama-9", "ollama", {"thinking": 1, "own": 2}),
        ("echo", "ollama", {}),
        ("", "ollama", {}),
    ],
)
def test_finds_the_fields_that_a_vendor_takes(model: str, default: str, taken: dict[str, int], settings: Any) -> None:
    settings.DEFAULT_VENDOR = default

    assert routing.taken_fields(model, {"thinking": 1, "own": 2}) == taken


def test_asks_no_vectors_of_a_model_that_writes() -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        routing.for_model("gpt-4o", operation=EMBEDDING)

    assert caught.value.message == (
        "The model gpt-4o writes text; it makes no embeddings. Configured here: "
        "echo, text-embedding-3-large, text-embedding-3-small, text-embedding-ada-002."
    )


@pytest.mark.parametrize("operation", list(Operation))
def test_leaves_what_an_unknown_model_can_do_to_the_default_vendor(operation: Operation, settings: Any) -> None:
    settings.DEFAULT_VENDOR = "openai"

    assert routing.for_model("gpt-99", operation=operation)[0].target.model == "gpt-99"


@pytest.mark.parametrize(("model", "operation"), [("grok-3", COMPLETION), ("embedding-3", EMBEDDING)])
def test_names_the_setting_that_is_missing(model: str, operation: Operation) -> None:
    with pytest.raises(errors.ModelNotConfigured, match=r"set (XAI|ZAI)_API_KEY"):
        routing.for_model(model, operation=operation)


@pytest.mark.parametrize("operation", list(Operation))
def test_does_not_know_every_model(operation: Operation) -> None:
    with pytest.raises(errors.UnknownModel, match=r"^The model .nope. is not known\. Configured here: "):
        routing.for_model("nope", operation=operation)


def test_echo_can_be_switched_off(settings: Any) -> None:
    assert routing.any_chat_model() == "echo"

    settings.ECHO = False

    with pytest.raises(errors.UnknownModel) as caught:
        routing.for_model("echo", operation=CHAT)
    assert "echo" not in caught.value.message.split("Configured here: ")[1].rstrip(".").split(", ")
    assert "echo" not in [entry.name for entry in routing.configured_entries()]
    assert routing.any_chat_model() == "gpt-3.5"
    settings.VENDOR_SETTINGS = {}
    assert routing.any_chat_model() == ""
