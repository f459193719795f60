import pytest

from providers import finish_reasons


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("stop", "stop"),
        ("STOP", "stop"),
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("insufficient_system_resource", "length"),
        ("tool_use", "tool_calls"),
        ("function_call", "function_call"),
        ("sensitive", "content_filter"),
        ("SAFETY", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("refusal", "content_filter"),
        ("eos_token", "stop"),
        ("", "stop"),
    ],
)
def test_every_word_has_one_of_the_formats(said: str, meant: str) -> None:
    assert finish_reasons.normal(said) == meant
