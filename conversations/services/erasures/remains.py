"""The last step of an erasure: what of it is left. There should be nothing, unless something came in meanwhile."""

from collections import Counter
from collections.abc import Mapping

from django.db.models import F, Model, Q, QuerySet

from conversations.models import (
    ApiKey,
    Assistant,
    AssistantVersion,
    AssistedRun,
    Content,
    Conversation,
    Delivery,
    Dialogue,
    Document,
    DocumentContent,
    Erasure,
    Event,
    IdempotencyKey,
    IndexingJob,
    Intent,
    KnowledgeBase,
    LedgerEntry,
    McpServer,
    Message,
    PassageVector,
    Preset,
    Reading,
    Reference,
    Run,
    RunStep,
    SigningSecret,
    StoredPassage,
    Task,
    TermCount,
    TokenRevocation,
    Tool,
    ToolCall,
    UsageOfConversation,
    UsageOfDay,
    Visitor,
    VisitorIdentity,
    VisitorSecret,
    WebhookEndpoint,
)
from conversations.services.erasures.accounts import ERASED_PREFIX
from conversations.services.erasures.batch import RUNS, Batch, following, next_keys
from conversations.services.erasures.content import Runs

Remains = Mapping[str, QuerySet[Model]]

RESTART_SECONDS = 60.0
HAS_CONTENT = (
    Q(request__isnull=False)
    | Q(answer__isnull=False)
    | Q(preset_text__isnull=False)
    | Q(error_facts__isnull=False)
    | ~Q(error_message="")
)

CALLBACK_HAS_CONTENT = Q(kind=Delivery.Kind.CALLBACK.value) & (Q(body__isnull=False) | ~Q(url=F("destination")))


def look(erasure: Erasure, *, runs: Runs, others: Remains) -> Batch:
    """Passes through all runs, then looks at the rest. Where something is left the erasure begins anew."""
    keys = next_keys(runs(erasure), erasure, most=RUNS)
    found = Counter((erasure.left or {}) if erasure.cursor is not None else {})
    found.update(_of_runs(keys))
    cursor = following(keys, most=RUNS)
    if cursor is None:
        found.update({name: rows.count() for name, rows in others.items()})
    erasure.left = dict(found)
    restarts = cursor is None and any(found.values())
    return Batch(cursor=cursor, runs=len(keys), restarts=restarts, wait_seconds=RESTART_SECONDS if restarts else 0.0)


def _of_runs(keys: list[int]) -> dict[str, int]:
    rows: dict[str, QuerySet[Model]] = {
        "message": Message.objects.filter(run__in=keys),
        "reference": Reference.objects.filter(run__in=keys),
        "task": Task.objects.filter(run__in=keys),
        "runstep": RunStep.objects.filter(run__in=keys),
        "toolcall": ToolCall.objects.filter(run__in=keys),
        "assistedrun": AssistedRun.objects.filter(run__in=keys, visitor__isnull=False),
        "run": Run.objects.filter(HAS_CONTENT, pk__in=keys),
        "delivery": Delivery.objects.filter(CALLBACK_HAS_CONTENT, run__in=keys),
    }
    return {name: found.count() for name, found in rows.items()}


def of_conversation(erasure: Erasure) -> Remains:
    """What is not reached through the runs."""
    return {
        "message": Message.objects.filter(conversation=erasure.subject_key),
        "event": Event.objects.filter(conversation=erasure.subject_key, payload__isnull=False),
        "dialogue": Dialogue.objects.filter(pk=erasure.subject_key),
        "reading": Reading.objects.for_account(erasure.account_id).filter(conversation=erasure.subject_key),
        "usageofconversation": UsageOfConversation.objects.for_account(erasure.account_id).filter(
            conversation=erasure.subject_key
        ),
    }


def of_account(erasure: Erasure) -> Remains:
    account_id = erasure.account_id
    named = ~Q(name__startswith=ERASED_PREFIX) | ~Q(text="")
    return {
        "conversation": Conversation.objects.for_account(account_id).filter(
            Q(deleted_at=None) | ~Q(public_id__startswith=ERASED_PREFIX)
        ),
        "content": Content.objects.for_account(account_id),
        "event": Event.objects.for_account(account_id),
        "delivery": Delivery.objects.for_account(account_id),
        "idempotencykey": IdempotencyKey.objects.for_account(account_id),
        "task": Task.objects.for_account(account_id),
        "tool": Tool.objects.for_account(account_id),
        "mcpserver": McpServer.objects.for_account(account_id),
        "assistant": Assistant.objects.for_account(account_id).filter(deleted_at=None),
        "assistantversion": AssistantVersion.objects.for_account(account_id),
        "intent": Intent.objects.for_account(account_id),
        "visitor": Visitor.objects.for_account(account_id),
        "visitoridentity": VisitorIdentity.objects.for_account(account_id),
        "tokenrevocation": TokenRevocation.objects.for_account(account_id),
        "visitorsecret": VisitorSecret.objects.for_account(account_id),
        "webhookendpoint": WebhookEndpoint.objects.for_account(account_id),
        "signingsecret": SigningSecret.objects.for_account(account_id),
        "preset": Preset.objects.for_account(account_id).filter(named),
        "ledgerentry": LedgerEntry.objects.for_account(account_id).exclude(note=""),
        "storedpassage": StoredPassage.objects.for_account(account_id),
        "passagevector": PassageVector.objects.for_account(account_id),
        "termcount": TermCount.objects.for_account(account_id),
        "apikey": ApiKey.objects.for_account(account_id).exclude(name="", prefix=""),
        "knowledgebase": KnowledgeBase.objects.for_account(account_id),
        "document": Document.objects.for_account(account_id),
        "documentcontent": DocumentContent.objects.for_account(account_id),
        "indexingjob": IndexingJob.objects.for_account(account_id),
        "usageofday": UsageOfDay.objects.for_account(account_id),
        "usageofconversation": UsageOfConversation.objects.for_account(account_id),
    }
