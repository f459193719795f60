"""Receipt: what was sent upstream for a run, as `/api/v1/runs/{id}/context` and dry runs show it."""

from typing import Any

from rest_framework import serializers

from conversations.resources.fields import ConstantField, MethodField
from conversations.resources.runs.runs import PassageSerializer, UsageSerializer
from conversations.values.context.receipts import FileShown, Origin, PromptMessage, Receipt, ReceiptSource, Trimmed
from conversations.values.context.sources import SourceKind
from conversations.values.requests import Operation
from providers import serialization
from providers.messages import Role

PARTS = ("preset", "history", "sources", "question", "steps", "tools")
REASONS = [reason.value for reason in Trimmed]


class PromptMessageSerializer(serializers.Serializer[PromptMessage]):
    """A message of the prompt, or one that was left out: then `position` is null, and `trimmed` says why.

    `is_partial`: calls of tools that nobody answered were left out of it, or its results stand behind their calls.
    """

    id = serializers.CharField(allow_null=True)
    origin = serializers.ChoiceField([origin.value for origin in Origin])
    role = serializers.ChoiceField([role.value for role in Role])
    position = serializers.IntegerField(min_value=0, allow_null=True)
    trimmed = serializers.ChoiceField(REASONS, allow_null=True)
    is_partial = serializers.BooleanField()
    tokens = serializers.IntegerField(min_value=0)
    text = serializers.CharField(
        allow_null=True, allow_blank=True, help_text="Null unless it was asked for, or where it is too long."
    )


class ReceiptPassageSerializer(PassageSerializer):
    """Characters of a document's text. `text` is null where it was not asked for or is not kept any more."""

    text = MethodField(serializers.CharField(allow_null=True))

    def get_text(self, passage: Any) -> str | None:
        return passage.text or None


class ReceiptSourceSerializer(serializers.Serializer[ReceiptSource]):
    """A document with those of its passages that the model was shown; with `number` null, those left out for room."""

    number = serializers.IntegerField(min_value=1, allow_null=True)
    kind = serializers.ChoiceField([kind.value for kind in SourceKind], source="source.kind")
    id = serializers.CharField(source="source.id")
    title = serializers.CharField(source="source.title", allow_blank=True)
    url = serializers.CharField(source="source.url", allow_blank=True)
    knowledge = serializers.CharField(
        source="source.base", allow_blank=True, help_text="The id of the knowledge base, if it is of one."
    )
    score = serializers.FloatField(source="source.score")
    digest = serializers.CharField(allow_blank=True, help_text="BLAKE2b, 8 bytes, of the passages' texts.")
    passages = ReceiptPassageSerializer(source="source.passages", many=True)


class ShownFileSerializer(serializers.Serializer[Any]):
    """A file, an image or a sound, and how the model was shown it. `message` is a position."""

    message = serializers.IntegerField(min_value=0)
    kind = serializers.ChoiceField(["file", "image", "audio"])
    name = serializers.CharField(allow_blank=True)
    shown = serializers.ChoiceField([shown.value for shown in FileShown])
    source = serializers.IntegerField(min_value=1, allow_null=True)  # type: ignore[assignment] # DRF takes it off the class
    reason = serializers.CharField(allow_blank=True)


class PresetUsedSerializer(serializers.Serializer[Any]):
    """The system prompt: of a stored preset its name and version, null for a text that the caller gave."""

    name = MethodField(serializers.CharField(allow_null=True))
    version = serializers.IntegerField(min_value=1, allow_null=True)
    tokens = serializers.IntegerField(min_value=0)

    def get_name(self, preset: Any) -> str | None:
        return preset.name or None


class ToolsUsedSerializer(serializers.Serializer[Receipt]):
    declared = serializers.ListField(child=serializers.CharField(), source="tools")
    called = serializers.ListField(child=serializers.CharField(), source="tools_called")


class EstimatedSerializer(serializers.Serializer[Any]):
    """Tokens by our estimate: those of the reply's beginning are counted with the question."""

    preset = serializers.IntegerField(min_value=0)
    history = serializers.IntegerField(min_value=0)
    sources = serializers.IntegerField(min_value=0)
    question = serializers.IntegerField(min_value=0)
    steps = serializers.IntegerField(min_value=0, help_text="Of this turn: calls of tools, and what they said.")
    tools = serializers.IntegerField(min_value=0)
    total = serializers.IntegerField(min_value=0)


class TrimmedSerializer(serializers.Serializer[Any]):
    """How many of the listed messages were left out, by reason."""

    window = serializers.IntegerField(min_value=0)
    history_most = serializers.IntegerField(min_value=0)
    shrunk = serializers.IntegerField(min_value=0)
    tool_pairing = serializers.IntegerField(min_value=0)


class ReceiptSerializer(serializers.Serializer[Receipt]):
    """What was sent upstream for a run; with `dry_run`, what would be.

    `messages` is a page, in the order of the prompt; `earlier` is the `before` of the page before it. `has_more`: the
    conversation has older messages than are listed on any page, none of which was sent.
    """

    object = ConstantField("context")
    run = serializers.CharField(allow_null=True)
    dry_run = serializers.BooleanField(source="is_dry_run")
    conversation = serializers.CharField(allow_null=True)
    beside_active_run = serializers.BooleanField()
    operation = serializers.ChoiceField([operation.value for operation in Operation])
    model = serializers.CharField()
    target = serializers.CharField(required=False, help_text="Vendor, key and model; for operators' keys alone.")
    context_window = serializers.IntegerField(min_value=1, allow_null=True)
    preset = PresetUsedSerializer(allow_null=True)
    sent = serializers.IntegerField(min_value=0, allow_null=True, help_text="How many messages.")
    trimmed = MethodField(TrimmedSerializer())
    messages = PromptMessageSerializer(many=True)
    earlier = MethodField(serializers.CharField(allow_null=True))
    has_more = serializers.BooleanField()
    texts = serializers.IntegerField(min_value=0, help_text="How many texts a completion or embedding has.")
    sources = ReceiptSourceSerializer(many=True)
    sources_at = serializers.IntegerField(
        min_value=0, allow_null=True, help_text="The position of the message that begins with the sources."
    )
    left_out_more = serializers.IntegerField(min_value=0, help_text="Passages left out that are not listed.")
    files = ShownFileSerializer(many=True)
    tools = ToolsUsedSerializer(source="*")
    options = serializers.DictField()
    estimated_tokens = MethodField(EstimatedSerializer())
    usage = MethodField(UsageSerializer(allow_null=True))
    reserve = serializers.CharField(
        required=False, allow_null=True, help_text="Of a dry run: what a metered account would reserve."
    )
    notes = serializers.DictField(child=serializers.CharField())

    def get_trimmed(self, receipt: Receipt) -> dict[str, int]:
        return {reason: receipt.trimmed.get(reason, 0) for reason in REASONS}

    def get_earlier(self, receipt: Receipt) -> str | None:
        return receipt.earlier or None

    def get_estimated_tokens(self, receipt: Receipt) -> dict[str, int]:
        parts = {name: receipt.tokens.get(name, 0) for name in PARTS}
        return {**parts, "total": sum(parts.values())}

    def get_usage(self, receipt: Receipt) -> dict[str, Any] | None:
        if receipt.usage is None:
            return None
        return dict(UsageSerializer().to_representation(serialization.dump_usage(receipt.usage)))


# Made once: making a serializer costs half a millisecond, and writing JSON keeps nothing on it.
RECEIPT = ReceiptSerializer()


def receipt(found: Receipt, *, is_operator: bool) -> dict[str, Any]:
    fields = dict(RECEIPT.to_representation(found))
    if not is_operator:
        fields.pop("target", None)
    if not found.is_dry_run:
        fields.pop("reserve", None)
    return fields
