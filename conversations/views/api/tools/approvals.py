"""`/api/v1/runs/{id}/approve` and `/refuse`: somebody decides about the calls of tools that a run waits for."""

from functools import partial
from typing import Any, ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations import resources
from conversations.models.runs.steps import REASON_MAX_CHARS
from conversations.services.runs.tools import approvals
from conversations.services.runs.tools.approvals import Decision
from conversations.views.api.base import ApiView
from conversations.views.bodies import request_body
from conversations.views.bodies.fields import ListField, TextField
from conversations.views.http import threadpool
from conversations.views.http.base import json_response
from conversations.views.http.thread_shares import Share

CALLS_MAX, CALL_ID_MAX_CHARS = 32, 512


class DecisionSerializer(serializers.Serializer[Any]):
    call_ids = ListField(
        child=TextField(most=CALL_ID_MAX_CHARS),
        most=CALLS_MAX,
        required=False,
        allow_null=True,
        help_text="Those that are decided about; all that wait where it is left out.",
    )
    reason = TextField(most=REASON_MAX_CHARS, required=False, allow_null=True, help_text="Of a refusal, for the model.")


DECISION = DecisionSerializer()


class _DecisionView(ApiView):
    is_approval: ClassVar[bool]

    async def post(self, request: HttpRequest, run_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        fields = await request_body.read_fields(request, DECISION, caller=caller, may_be_empty=True)
        await self.admit_again(request)
        call_ids = fields.get("call_ids")
        decision = Decision(
            is_approved=self.is_approval,
            call_ids=None if call_ids is None else tuple(call_ids),
            reason=fields.get("reason") or "",
        )
        # As when it is cancelled.
        share = Share(caller.account_id, run_id)
        decide = partial(approvals.decide, account_id=caller.account_id, public_id=run_id, decision=decision)
        return json_response(resources.run(await threadpool.call_in_share(share, decide)))


class RunApproveView(_DecisionView):
    is_approval = True


class RunRefuseView(_DecisionView):
    is_approval = False
