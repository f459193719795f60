"""Intents whose examples are the question itself: no model need be asked."""

import unicodedata
from collections.abc import Sequence

from conversations.values.assistants import IntentDefinition, IntentMatch

# What people leave out or add around the same words. Not `#` and `+`: C# is another question than C.
_AROUND = " \t\n.,;:!?…~、。，；：！？“”\"'‘’「」『』()（）[]【】"


def matches(question: str, intents: Sequence[IntentDefinition]) -> tuple[IntentMatch, ...] | None:
    """None where the question is nobody's example. Otherwise it satisfies those whose example it is, and no other."""
    asked = _normal(question)
    satisfied = {intent.id for intent in intents if asked and asked in map(_normal, intent.examples)}
    if not satisfied:
        return None
    return tuple(IntentMatch(intent.id, intent.name, intent.id in satisfied) for intent in intents)


def _normal(text: str) -> str:
    """Full-width forms, case, spaces and the marks around a question make no difference."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split()).strip(_AROUND)
