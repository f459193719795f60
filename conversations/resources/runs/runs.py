"""Run: its JSON in `/api/v1/runs` and in events."""

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from conversations import errors
from conversations.dialects import registry
from conversations.dialects.api import errors as api_errors
from conversations.dialects.api import sources
from conversations.errors import ParleyError
from conversations.models import AssistedRun, Run, RunAttempt, ToolCall
from conversations.resources.fields import ConstantField, MethodField, UtcTimeField
from conversations.rules.client_tokens import refusals
from conversations.rules.routing import FAILURES, FULL
from conversations.rules.runs import outcomes
from conversations.rules.runs.outcomes import IncompleteReason
from conversations.values.context.sources import NOT_SOURCED, Sourced, SourceKind
from conversations.values.runs import RunStatus
from conversations.values.tool_calls import ToolCallStatus

DIALECTS = registry.names()
REASONS = sorted({FULL, *(failure.reason for failure in FAILURES.values())})


class UsageSerializer(serializers.Serializer[Any]):
    """The tokens of a run; `source` says whether the vendor reported or we estimated them.

    `drained` are those that it reported after the run had been stopped.
    """

    prompt_tokens = serializers.IntegerField(min_value=0)
    completion_tokens = serializers.IntegerField(min_value=0)
    total_tokens = MethodField(serializers.IntegerField(min_value=0))
    source = serializers.ChoiceField(["reported", "estimated", "drained"])  # type: ignore[assignment] # DRF takes it off the class

    def get_total_tokens(self, usage: dict[str, Any]) -> int:
        return int(usage["prompt_tokens"] + usage["completion_tokens"])


class RunErrorSerializer(serializers.Serializer[ParleyError]):
    """Why a run failed or ended early, in the error codes of `/aichat`, whatever API the run was asked in."""

    code = MethodField(serializers.CharField())
    message = serializers.CharField()

    def get_code(self, error: ParleyError) -> str:
        return api_errors.code(error)


class RunSerializer(serializers.Serializer[Run]):
    """One request to a model and what became of it. `conversation` is null for a run that nothing stores."""

    id = serializers.CharField(source="public_id")
    object = ConstantField("run")
    status = serializers.ChoiceField([status.value for status in RunStatus])
    conversation = serializers.CharField(source="conversation.public_id", allow_null=True)
    dialect = serializers.ChoiceField(DIALECTS)
    model = serializers.CharField(allow_null=True, help_text="Null for client tokens, as `usage` is.")
    attempt = serializers.IntegerField(source="progress.attempt", min_value=0)
    created_at = UtcTimeField()
    claimed_at = UtcTimeField(source="progress.claimed_at", allow_null=True)
    first_token_at = UtcTimeField(allow_null=True)
    finished_at = UtcTimeField(allow_null=True)
    cancel_requested_at = UtcTimeField(source="progress.cancel_requested_at", allow_null=True)
    usage = UsageSerializer(allow_null=True)
    incomplete_reason = MethodField(
        serializers.ChoiceField([reason.value for reason in IncompleteReason], allow_null=True)
    )
    error = MethodField(RunErrorSerializer(allow_null=True))

    def get_incomplete_reason(self, run: Run) -> IncompleteReason | None:
        return outcomes.incomplete_reason(status=run.status, error_code=run.error_code)

    def get_error(self, run: Run) -> ParleyError | None:
        """A cancelled run has no error, although its row may keep a code.

        Of a conversation that was deleted the message may still be there, and a vendor's may quote the question.
        """
        if run.status not in (RunStatus.FAILED, RunStatus.INCOMPLETE):
            return None
        is_deleted = run.conversation is not None and run.conversation.deleted_at is not None
        return errors.from_code(run.error_code, "" if is_deleted else run.error_message)


class PassageSerializer(serializers.Serializer[Any]):
    """Characters of a document's text that the model was shown, counted from 0, and how well they fit the question."""

    start = serializers.IntegerField(min_value=0)
    end = serializers.IntegerField(min_value=0)
    page = serializers.IntegerField(min_value=1, allow_null=True)
    score = serializers.FloatField()


class SourceSerializer(serializers.Serializer[Any]):
    """A document that the model was shown under this number. `passages` are the best ones.

    `snippet` is the beginning of the best passage, null where its document is not kept any more.
    """

    number = serializers.IntegerField(min_value=1)
    kind = serializers.ChoiceField([kind.value for kind in SourceKind])
    id = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    url = serializers.CharField(allow_null=True)
    knowledge = serializers.CharField(allow_null=True, help_text="The id of the knowledge base.")
    score = serializers.FloatField()
    snippet = serializers.CharField(allow_null=True)
    passages = PassageSerializer(many=True)


class QuoteSerializer(serializers.Serializer[Any]):
    """The words of the source that a citation rests on. `similarity` is from 0 to 100."""

    text = serializers.CharField(allow_null=True)
    start = serializers.IntegerField(min_value=0)
    end = serializers.IntegerField(min_value=0)
    page = serializers.IntegerField(min_value=1, allow_null=True)
    similarity = serializers.FloatField(min_value=0, max_value=100)


class CitationSerializer(serializers.Serializer[Any]):
    """A number in a mark of the answer, at its characters `start` to `end`, counted from 0.

    `is_known` is false for a number beyond the sources. `quote` is null where no words of the source agree.
    """

    number = serializers.IntegerField(min_value=1)
    start = serializers.IntegerField(min_value=0)
    end = serializers.IntegerField(min_value=0)
    is_known = serializers.BooleanField()
    quote = QuoteSerializer(allow_null=True)


class IntentMatchSerializer(serializers.Serializer[Any]):
    """Whether the question satisfied an intent; null where that could not be found out."""

    id = serializers.CharField()
    name = serializers.CharField()
    satisfied = serializers.BooleanField(allow_null=True)


class MoveSerializer(serializers.Serializer[Any]):
    """A target that failed; the run went on to the next one, or failed with it."""

    target = serializers.CharField()
    reason = serializers.ChoiceField(REASONS)
    status = serializers.IntegerField(required=False, help_text="The HTTP status it answered with, if it did.")
    seconds = serializers.FloatField(min_value=0)


class RunUpstreamSerializer(serializers.Serializer[RunAttempt]):
    """Which target answered an attempt, or was asked last, and which had failed."""

    attempt = serializers.IntegerField(source="number", min_value=1)
    target = serializers.CharField()
    moves = MethodField(MoveSerializer(many=True))

    def get_moves(self, attempt: RunAttempt) -> list[dict[str, Any]]:
        return attempt.moves or []


class ToolCallSerializer(serializers.Serializer[ToolCall]):
    """A call of one of the account's tools. Of the result its beginning is shown; `status` says how far it is.

    `unknown`: the service was interrupted while the tool worked, so nobody knows whether the call was carried out.
    """

    id = serializers.CharField(source="call_id")
    step = serializers.IntegerField(min_value=1)
    index = serializers.IntegerField(min_value=0)
    tool = serializers.CharField(source="tool_id", allow_blank=True, help_text="Empty where no tool has the name.")
    name = serializers.CharField()
    arguments = serializers.CharField()
    status = serializers.ChoiceField([status.value for status in ToolCallStatus])
    needs_approval = serializers.BooleanField()
    result = MethodField(serializers.CharField())
    is_error = serializers.BooleanField()
    http_status = serializers.IntegerField(allow_null=True)
    started_at = UtcTimeField(allow_null=True)
    seconds = serializers.FloatField(allow_null=True)

    def get_result(self, call: ToolCall) -> str:
        # Read no further than it is shown (`queries/steps.py`).
        return str(call.beginning)  # type: ignore[attr-defined] # an annotation


class SourcedRunSerializer(RunSerializer):
    """One request to a model and what became of it.

    Only where it was asked with sources: `sources`, `citations`, and in `notes` why some were not found.
    Only where its question might satisfy intents: `intents`. Only where its model called tools of the account:
    `tool_calls`. Only of a turn of an assistant or a visitor: `assistant`, in which version, and `visitor`.
    """

    assistant = serializers.CharField(required=False, allow_null=True)
    assistant_version = serializers.IntegerField(required=False, min_value=1, allow_null=True)
    visitor = serializers.CharField(required=False, allow_null=True, help_text="Null also for one that was deleted.")
    sources = SourceSerializer(many=True, required=False)
    citations = CitationSerializer(many=True, required=False)
    notes = serializers.DictField(child=serializers.CharField(), required=False)
    intents = IntentMatchSerializer(many=True, required=False)
    tool_calls = ToolCallSerializer(many=True, required=False)


class OperatorRunSerializer(SourcedRunSerializer):
    """One request to a model and what became of it. Operators' keys also see `upstreams`.

    Only where it was asked with sources: `sources`, `citations`, and in `notes` why some were not found.
    Only where its question might satisfy intents: `intents`. Only where its model called tools of the account:
    `tool_calls`. Only of a turn of an assistant or a visitor: `assistant`, in which version, and `visitor`.
    """

    upstreams = RunUpstreamSerializer(many=True, required=False)


class RunPageSerializer(serializers.Serializer[Any]):
    """One page of runs; follow `next` until it is null."""

    results = RunSerializer(many=True)
    next = serializers.CharField(allow_null=True)


# Made once: making a serializer costs half a millisecond, and writing JSON keeps nothing on it.
RUN = RunSerializer()
RUN_PAGE = RunPageSerializer()
RUN_UPSTREAM = RunUpstreamSerializer()
TOOL_CALL = ToolCallSerializer()


def run(
    run: Run,
    *,
    sourced: Sourced = NOT_SOURCED,
    assisted: AssistedRun | None = None,
    attempts: Iterable[RunAttempt] | None = None,
    to_token: bool = False,
    tool_calls: Iterable[ToolCall] = (),
) -> dict[str, Any]:
    """`to_token`: without what is its account's alone, the model, the usage and the words of some errors.

    Its conversation and active row should be loaded: otherwise this asks the database for them.

    `attempts` are for operators alone: they name vendors and keys.
    """
    fields = dict(RUN.to_representation(run)) | sources.members(sourced)
    if to_token:
        fields |= _to_visitor(run, fields["error"])
    if assisted is not None:
        fields |= _whose(assisted)
    if calls := [dict(TOOL_CALL.to_representation(call)) for call in tool_calls]:
        fields["tool_calls"] = calls
    if attempts is not None:
        fields["upstreams"] = [dict(RUN_UPSTREAM.to_representation(attempt)) for attempt in attempts]
    return fields


def _to_visitor(run: Run, error: dict[str, Any] | None) -> dict[str, Any]:
    if error and run.error_code in refusals.OF_ACCOUNT:
        error = {**error, "message": errors.from_code(run.error_code, "").message}
    return {"model": None, "usage": None, "error": error}


def _whose(assisted: AssistedRun) -> dict[str, Any]:
    """Its visitor is the one that it was merged into, if it was."""
    assistant, visitor = assisted.assistant, assisted.visitor
    if visitor is not None and visitor.merged_into is not None:
        visitor = visitor.merged_into
    return {
        "assistant": assistant.public_id if assistant else None,
        "assistant_version": assisted.assistant_version,
        "visitor": visitor.public_id if visitor and visitor.deleted_at is None else None,
    }
