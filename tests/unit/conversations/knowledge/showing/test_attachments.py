"""Which parts a model takes as they are, and what stands for the others."""

import pytest

from conversations.knowledge.showing import attachments
from conversations.values.context.sources import Attachment, Gathered, Source, SourceKind
from providers.catalog import ANY_INPUTS, Inputs
from providers.messages import AudioPart, FilePart, ImagePart, Message, Part, Role, TextPart, ToolResultPart

NONE = Inputs()
OPENAI = Inputs(images=frozenset({"url", "data"}), files=frozenset({"pdf", "id"}), audio=True)
OLLAMA = Inputs(images=frozenset({"data"}))
LINK, DATA = ImagePart("https://a.example/x.png"), ImagePart("DATA:image/png;base64,AAAA")
PDF, BARE_PDF = FilePart(data="data:application/PDF;base64,JVBERi0="), FilePart(data="JVBERi0xLjc=")
WORD = FilePart(data="data:application/msword;base64,JVBERi0=")


@pytest.mark.parametrize(
    ("inputs", "taken"),
    [
        (ANY_INPUTS, [LINK, DATA, PDF, BARE_PDF, WORD]),
        (OPENAI, [LINK, DATA, PDF, BARE_PDF]),
        (OLLAMA, [DATA]),
        (NONE, []),
    ],
)
def test_a_model_takes_what_the_catalogue_says(inputs: Inputs, taken: list[Part]) -> None:
    assert [part for part in (LINK, DATA, PDF, BARE_PDF, WORD) if attachments.takes(inputs, part)] == taken


@pytest.mark.parametrize(
    ("part", "by_any", "by_openai", "by_none"),
    [
        (FilePart(url="https://a.example/x.pdf"), True, False, False),
        (FilePart(file_id="file-1"), True, True, False),
        (AudioPart(data="AA==", format="wav"), True, True, False),
        (AudioPart(audio_id="audio_1"), True, True, True),
    ],
)
def test_links_ids_and_sounds(part: attachments.Attached, by_any: bool, by_openai: bool, by_none: bool) -> None:
    found = [attachments.takes(inputs, part) for inputs in (ANY_INPUTS, OPENAI, NONE)]

    assert found == [by_any, by_openai, by_none]


def test_no_vendor_takes_a_link_that_it_cannot_follow() -> None:
    assert not attachments.takes(ANY_INPUTS, LINK, is_unreachable=True)


def test_a_file_in_the_result_of_a_tool_is_found_and_replaced() -> None:
    file = FilePart(data="data:text/plain,Hi", filename="a\nb [x].txt")
    result = Message(Role.TOOL, (ToolResultPart("1", (TextPart("see"), file)),))
    plain = Message(Role.USER, (TextPart("Well?"),))
    source = Source(SourceKind.REFERENCE, "f00", "a")
    gathered = Gathered((source,), attachments=(Attachment(file, attachments.name_of(file), source="f00"),))

    replaced = attachments.left_out(gathered, NONE)
    placed = attachments.placed((result, plain), replaced, sources=(source,), inputs=NONE)

    assert attachments.any_in([result])
    assert list(attachments.of(result)) == [(1, file)]
    assert placed[0].parts == (
        ToolResultPart("1", (TextPart("see"), TextPart("\n[File: ab [x].txt. It is source 1.]\n"))),
    )
    assert placed[1] is plain


def test_what_a_model_takes_is_neither_replaced_nor_shown_as_a_source() -> None:
    source = Source(SourceKind.REFERENCE, "f00", "a")
    gathered = Gathered((source,), attachments=(Attachment(PDF, "a", source="f00"),))

    replaced = attachments.left_out(gathered, OPENAI)

    assert replaced == {}
    assert attachments.needed(gathered.sources, replaced) == ()
    assert attachments.needed(gathered.sources, attachments.left_out(gathered, NONE)) == (source,)


def test_one_that_was_fitted_out_is_said_to_be_missing() -> None:
    message = Message(Role.USER, (WORD,))
    found = Attachment(WORD, "a.doc", source="f00")

    (placed,) = attachments.placed((message,), {id(WORD): found}, sources=(), inputs=NONE)

    assert placed.parts == (TextPart("\n[File: a.doc. It is not shown: there is no room for it.]\n"),)


def test_an_image_keeps_its_detail_as_data() -> None:
    image = ImagePart("http://10.0.0.1/x.png", detail="low")
    found = Attachment(image, image.url, image="data:image/png;base64,AA==", is_unreachable=True)

    (placed,) = attachments.placed((Message(Role.USER, (image,)),), {id(image): found}, sources=(), inputs=OPENAI)

    assert placed.parts == (ImagePart("data:image/png;base64,AA==", detail="low"),)
