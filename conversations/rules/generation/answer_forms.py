"""What a model is told of the form of its answer (docs/contract D.2, `return_format`): a sentence behind the preset."""

from collections.abc import Mapping
from typing import Any

from conversations.values.assistants import AnswerForm

SENTENCES: Mapping[AnswerForm, str] = {
    AnswerForm.TEXT: "Answer in plain text, without Markdown or other markup.",
    AnswerForm.MARKDOWN: "Format the answer as Markdown.",
}


def told(preset_text: str, form: AnswerForm | None) -> str:
    """The text of the system's message."""
    if form is None:
        return preset_text
    sentence = SENTENCES[form]
    return f"{preset_text}\n\n{sentence}" if preset_text else sentence


def of_request(record: Mapping[str, Any]) -> AnswerForm | None:
    """Of a run's request as its row has it. Raises ValueError when it cannot be read."""
    return AnswerForm(record["answer_form"]) if "answer_form" in record else None
