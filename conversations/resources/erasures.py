"""Erasure: its JSON in `/api/v1/erasures`, and as the answer to deleting a long conversation."""

from typing import Any

from rest_framework import serializers

from conversations.models import Erasure
from conversations.resources.fields import ConstantField, MethodField, UtcTimeField


class ErasureSerializer(serializers.Serializer[Erasure]):
    """All content of a deleted conversation or visitor is being erased, or has been. Nobody can read it any more.

    A visitor that was merged into another one is erased too, once what it had is moved.

    `steps_done` of `steps_total` tell how far it is: it passes through each run several times. The total is null until
    the first batch has counted the runs.
    """

    id = serializers.CharField(source="public_id")
    object = ConstantField("erasure")
    conversation = MethodField(serializers.CharField(allow_null=True))
    visitor = MethodField(serializers.CharField(allow_null=True))
    status = MethodField(serializers.ChoiceField(["running", "done"]))
    steps_done = serializers.IntegerField(source="runs_done", min_value=0)
    steps_total = serializers.IntegerField(source="runs_total", min_value=0, allow_null=True)
    created_at = UtcTimeField()
    finished_at = UtcTimeField(allow_null=True)

    def get_conversation(self, erasure: Erasure) -> str | None:
        return erasure.subject_id if erasure.subject == Erasure.Subject.CONVERSATION else None

    def get_visitor(self, erasure: Erasure) -> str | None:
        return erasure.subject_id if erasure.subject == Erasure.Subject.VISITOR else None

    def get_status(self, erasure: Erasure) -> str:
        return "running" if erasure.finished_at is None else "done"


class ErasurePageSerializer(serializers.Serializer[Any]):
    """One page of erasures; follow `next` until it is null."""

    results = ErasureSerializer(many=True)
    next = serializers.CharField(allow_null=True)


ERASURE = ErasureSerializer()
ERASURE_PAGE = ErasurePageSerializer()


def erasure(erasure: Erasure) -> dict[str, Any]:
    return dict(ERASURE.to_representation(erasure))
