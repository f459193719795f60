from providers.assembly import Answer, Assembler
from providers.events import (
    AudioDelta,
    CallStarted,
    ChoiceFinished,
    EmbeddingMade,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from providers.messages import (
    AudioPart,
    EmbeddingPart,
    Message,
    ReasoningPart,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    Usage,
)


def assembled(*given: StreamEvent) -> Assembler:
    assembler = Assembler()
    for event in given:
        assembler.add(event)
    return assembler


def test_joins_a_plain_answer() -> None:
    done = assembled(
        CallStarted("req", "m"), TextDelta("Hel"), TextDelta("lo"), ChoiceFinished("stop"), UsageReported(Usage(1, 2))
    )

    assert done.answers() == (Answer(0, (TextPart("Hello"),), "stop"),)
    assert (done.text, done.usage, done.started) == ("Hello", Usage(1, 2), CallStarted("req", "m"))
    assert done.answer().message == Message(Role.ASSISTANT, (TextPart("Hello"),))


def test_gives_the_partial_answer_at_any_moment() -> None:
    assembler = assembled(ReasoningDelta("hm"))
    first = assembler.answer()
    assembler.add(TextDelta("Hel"))

    assert first == Answer(0, (ReasoningPart("hm"),))
    assert assembler.answer() == Answer(0, (ReasoningPart("hm"), TextPart("Hel")))


def test_a_refusal_counts_as_text_of_the_first_choice() -> None:
    done = assembled(ReasoningDelta("hm"), RefusalDelta("I "), RefusalDelta("won't"), TextDelta("other", 1))

    assert done.text == "I won't"


def test_is_one_empty_answer_when_nothing_came() -> None:
    empty = assembled()

    assert empty.answers() == (Answer(0, ()),)
    assert (empty.text, empty.usage, empty.has_output) == ("", None, False)


def test_counts_an_empty_delta_as_no_output() -> None:
    assert assembled(TextDelta(""), ChoiceFinished("stop")).has_output is False


def test_keeps_choices_apart() -> None:
    done = assembled(
        TextDelta("b", 1), TextDelta("a", 0), TextDelta("B", 1), ChoiceFinished("length", 1), ChoiceFinished("stop", 0)
    )

    assert done.answers() == (Answer(0, (TextPart("a"),), "stop"), Answer(1, (TextPart("bB"),), "length"))


def test_joins_tool_calls_by_index() -> None:
    done = assembled(
        ToolCallDelta(1, "c2", "two", ""),
        ToolCallDelta(0, "c1", "one", '{"a'),
        ToolCallDelta(0, arguments='":1}'),
        ToolCallDelta(1, arguments="{}", provider_metadata={"x": {"s": 1}}),
        ToolCallDelta(2, arguments="{}"),
    )

    assert done.answer().parts == (
        ToolCallPart("c1", "one", '{"a":1}'),
        ToolCallPart("c2", "two", "{}", {"x": {"s": 1}}),
        ToolCallPart("call_2", "", "{}"),
    )


def test_puts_parts_in_the_order_a_model_works() -> None:
    done = assembled(ToolCallDelta(0, "c", "f", "{}"), RefusalDelta("no"), TextDelta("t"), ReasoningDelta("r"))

    assert done.answer().parts == (
        ReasoningPart("r"),
        TextPart("t"),
        RefusalPart("no"),
        ToolCallPart("c", "f", "{}"),
    )


def test_continues_the_opaque_lists_of_reasoning_without_touching_the_events() -> None:
    first = ReasoningDelta("a", provider_metadata={"v": {"field": "reasoning", "details": [1]}})
    second = ReasoningDelta("b", provider_metadata={"v": {"details": [2]}})

    parts = assembled(first, second).answer().parts

    assert parts == (ReasoningPart("ab", {"v": {"field": "reasoning", "details": [1, 2]}}),)
    assert first.provider_metadata == {"v": {"field": "reasoning", "details": [1]}}


def test_keeps_the_vendors_fields_of_the_whole_answer() -> None:
    done = assembled(TextDelta("a"), ChoiceFinished("stop", 0, {"v": {"annotations": [1]}}))

    assert done.answer().provider_metadata == {"v": {"annotations": [1]}}


def test_joins_logprobs() -> None:
    done = assembled(
        TextDelta("a", 0, {"content": [{"token": "a"}], "refusal": None}),
        TextDelta("b", 0, {"content": [{"token": "b"}]}),
    )

    assert done.answer().logprobs == {"content": [{"token": "a"}, {"token": "b"}], "refusal": None}


def test_keeps_a_vector_for_each_input() -> None:
    done = assembled(CallStarted(), EmbeddingMade("AAAA", 1), EmbeddingMade("BBBB", 0), UsageReported(Usage(1, 0)))

    assert done.answers() == (Answer(0, (EmbeddingPart("BBBB"),)), Answer(1, (EmbeddingPart("AAAA"),)))
    assert (done.text, done.has_output) == ("", True)


def test_joins_audio_whether_or_not_its_fragments_are_padded() -> None:
    done = assembled(
        AudioDelta({"id": "audio_1", "transcript": "Hel"}),
        AudioDelta({"data": "YQ==", "transcript": "lo"}),
        AudioDelta({"data": "Yg==", "expires_at": 7}),
    )

    assert done.answer().parts == (AudioPart("YWI=", None, "audio_1", "Hello", 7),)


def test_joins_audio_that_was_cut_anywhere() -> None:
    assert assembled(AudioDelta({"data": "YW"}), AudioDelta({"data": "I="})).answer().parts == (AudioPart("YWI="),)


def test_drops_audio_that_is_not_base64() -> None:
    """One fragment is cut, another is padded: that cannot be decoded."""
    done = assembled(AudioDelta({"data": "YQ==", "transcript": "a"}), AudioDelta({"data": "Y"}))

    assert done.answer().parts == (AudioPart(transcript="a"),)
