"""Run: its JSON in `/api/v1/runs` and in events."""

from typing import Any

from rest_framework import serializers

from conversations import errors
from conversations.dialects import registry
from conversations.dialects.api import errors as api_errors
from conversations.errors import ParleyError
from conversations.models import Run
from conversations.resources.fields import ConstantField, MethodField, UtcTimeField
from conversations.values.runs import RunStatus

DIALECTS = registry.names()


class UsageSerializer(serializers.Serializer[Any]):
    """The tokens of a run; `source` says whether the vendor reported or we estimated them."""

    prompt_tokens = serializers.IntegerField(min_value=0)
    completion_tokens = serializers.IntegerField(min_value=0)
    total_tokens = MethodField(serializers.IntegerField(min_value=0))
    source = serializers.ChoiceField(["reported", "estimated"])  # type: ignore[assignment] # DRF takes it off the class

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
    model = serializers.CharField()
    attempt = serializers.IntegerField(source="progress.attempt", min_value=0)
    created_at = UtcTimeField()
    claimed_at = UtcTimeField(source="progress.claimed_at", allow_null=True)
    first_token_at = UtcTimeField(allow_null=True)
    finished_at = UtcTimeField(allow_null=True)
    cancel_requested_at = UtcTimeField(source="progress.cancel_requested_at", allow_null=True)
    usage = UsageSerializer(allow_null=True)
    error = MethodField(RunErrorSerializer(allow_null=True))

    def get_error(self, run: Run) -> ParleyError | None:
        """A cancelled run has no error, although its row may keep a code.

        Of a conversation that was deleted the message may still be there, and a vendor's may quote the question.
        """
        if run.status not in (RunStatus.FAILED, RunStatus.INCOMPLETE):
            return None
        is_deleted = run.conversation is not None and run.conversation.deleted_at is not None
        return errors.from_code(run.error_code, "" if is_deleted else run.error_message)


class RunPageSerializer(serializers.Serializer[Any]):
    """One page of runs; follow `next` until it is null."""

    results = RunSerializer(many=True)
    next = serializers.CharField(allow_null=True)


# Made once: making a serializer costs half a millisecond, and writing JSON keeps nothing on it.
RUN = RunSerializer()
RUN_PAGE = RunPageSerializer()


def run(run: Run) -> dict[str, Any]:
    """Its conversation and active row should be loaded: otherwise this asks the database for them."""
    return dict(RUN.to_representation(run))
