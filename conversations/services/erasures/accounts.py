"""What only an account has: runs that still go on, conversations, endpoints, presets, keys."""

from datetime import timedelta

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Coalesce, Concat, Now

from conversations.models import (
    Account,
    ActiveRun,
    ApiKey,
    Assistant,
    AssistantVersion,
    Conversation,
    Dialogue,
    Erasure,
    IdempotencyKey,
    Intent,
    LedgerEntry,
    McpServer,
    Preset,
    SigningSecret,
    TokenRevocation,
    Tool,
    Visitor,
    VisitorIdentity,
    VisitorSecret,
    WebhookEndpoint,
)
from conversations.services.erasures.batch import ROWS, Batch, following, next_keys
from conversations.services.runs import cancel
from conversations.services.webhooks import endpoints
from conversations.stores import rows

# Requests of its keys may still come in: those that were looked up before, and those in the middle of their bodies.
# Attempts of its deliveries end in this time too.
SETTLE = timedelta(seconds=20)
WAIT_SECONDS = 1.0
CONVERSATIONS = 250
# One may have some hundred kilobytes.
VERSIONS = 100
# With a character that no id of a conversation may have: none is taken.
ERASED_PREFIX = "erased:"
# What an emptied row is called instead of the name that its owner gave it.
_ERASED_NAME = Concat(Value(ERASED_PREFIX), Cast("pk", CharField()), output_field=CharField())


def stop(erasure: Erasure) -> Batch:
    """One endpoint or run in a transaction: each locks what a worker that ends a run of the account waits for.

    The step is over when none is active any more.
    """
    account_id = erasure.account_id
    endpoint = WebhookEndpoint.objects.for_account(account_id).filter(deleted_at=None).first()
    if endpoint is not None:
        endpoints.delete(account_id=account_id, endpoint_id=endpoint.public_id)
        return Batch(cursor=0, is_alone=True)
    active = ActiveRun.objects.for_account(account_id)
    uncancelled = active.filter(cancel_requested_at=None).with_runs().first()
    if uncancelled is not None:
        cancel.cancel_run(uncancelled.run)
        return Batch(cursor=0, is_alone=True)
    settled = Erasure.objects.filter(pk=erasure.pk, created_at__lt=Now() - SETTLE)
    if active.exists() or not settled.exists():
        return Batch(cursor=0, wait_seconds=WAIT_SECONDS)
    return Batch()


def empty_conversations(erasure: Erasure) -> Batch:
    """They become tombstones, and lose the ids that their owner chose."""
    keys = next_keys(Conversation.objects.for_account(erasure.account_id), erasure, most=CONVERSATIONS)
    dialogues = Dialogue.objects.filter(pk__in=keys).delete()[0]
    emptied = Conversation.objects.filter(pk__in=keys).update(
        public_id=_ERASED_NAME,
        head=None,
        preset=None,
        preset_text="",
        title="",
        deleted_at=Coalesce("deleted_at", Now()),
        updated_at=Now(),
    )
    erased = {"conversation": emptied, "dialogue": dialogues}
    return Batch(cursor=following(keys, most=CONVERSATIONS), erased=erased)


def delete_idempotency_keys(erasure: Erasure) -> Batch:
    own = IdempotencyKey.objects.for_account(erasure.account_id)
    keys = list(own.values_list("pk", flat=True)[:ROWS])
    erased = {"idempotencykey": IdempotencyKey.objects.filter(pk__in=keys).delete()[0]}
    return Batch(cursor=following(keys), erased=erased)


def empty_erasures(erasure: Erasure) -> Batch:
    """Those of its conversations name these, and this one names the account."""
    keys = next_keys(Erasure.objects.for_account(erasure.account_id), erasure)
    emptied = Erasure.objects.filter(pk__in=keys).update(subject_id="")
    return Batch(cursor=following(keys), erased={"erasure": emptied})


def delete_endpoints(erasure: Erasure) -> Batch:
    """With those that were deleted before: there may be any number of them."""
    keys = next_keys(WebhookEndpoint.objects.for_account(erasure.account_id), erasure)
    erased = {"signingsecret": SigningSecret.objects.filter(endpoint__in=keys).delete()[0]}
    erased["webhookendpoint"] = WebhookEndpoint.objects.filter(pk__in=keys).delete()[0]
    return Batch(cursor=following(keys), erased=erased)


def delete_tools(erasure: Erasure) -> Batch:
    """Their numbers are bounded by quotas."""
    erased = {
        "tool": Tool.objects.for_account(erasure.account_id).delete()[0],
        "mcpserver": McpServer.objects.for_account(erasure.account_id).delete()[0],
    }
    return Batch(erased=erased)


def delete_visitors(erasure: Erasure) -> Batch:
    """With the names that the account had for them. Their dialogues and runs are gone before."""
    keys = next_keys(Visitor.objects.for_account(erasure.account_id), erasure)
    Visitor.objects.filter(merged_into__in=keys).update(merged_into=None)
    erased = {
        "visitoridentity": VisitorIdentity.objects.filter(visitor__in=keys).delete()[0],
        "visitor": rows.delete(Visitor, keys),
    }
    return Batch(cursor=following(keys), erased=erased)


def delete_assistants(erasure: Erasure) -> Batch:
    """Their versions have the words. The rows stay, as those of assistants that were deleted: runs point at them."""
    keys = next_keys(AssistantVersion.objects.for_account(erasure.account_id), erasure, most=VERSIONS)
    erased = {"assistantversion": AssistantVersion.objects.filter(pk__in=keys).delete()[0]}
    own = Assistant.objects.for_account(erasure.account_id).filter(deleted_at=None)
    own.update(deleted_at=Now(), is_default=False)
    return Batch(cursor=following(keys, most=VERSIONS), erased=erased)


def delete_intents(erasure: Erasure) -> Batch:
    """Their number is bounded by a quota."""
    return Batch(erased={"intent": Intent.objects.for_account(erasure.account_id).delete()[0]})


def empty_account(erasure: Erasure) -> Batch:
    """Rows that runs point at stay, without names and texts. Their numbers are bounded by quotas."""
    account_id = erasure.account_id
    erased = {
        "logentry": _empty_log(account_id),
        "signingsecret": SigningSecret.objects.for_account(account_id).delete()[0],
        "tokenrevocation": TokenRevocation.objects.for_account(account_id).delete()[0],
        "visitorsecret": VisitorSecret.objects.for_account(account_id).delete()[0],
        "preset": Preset.objects.for_account(account_id).update(name=_ERASED_NAME, text="", model="", parameters={}),
        "apikey": ApiKey.objects.for_account(account_id).update(name="", prefix=""),
    }
    Account.objects.filter(pk=account_id).update(conversation_count=0, idempotency_key_count=0, visitor_count=0)
    return Batch(erased=erased)


def empty_notes(erasure: Erasure) -> Batch:
    """What somebody has noted in the ledger may name people. All else there stays: it says what was paid."""
    noted = LedgerEntry.objects.for_account(erasure.account_id).exclude(note="")
    keys = next_keys(noted, erasure)
    emptied = LedgerEntry.objects.filter(pk__in=keys).update(note="")
    return Batch(cursor=following(keys), erased={"ledgerentry": emptied})


def _empty_log(account_id: int) -> int:
    """Django's log of the admin, which calls a row by what it was called when it was changed there."""
    rows = Account.objects.filter(pk=account_id), *(model.objects.for_account(account_id) for model in (ApiKey, Preset))
    return sum(
        LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(own.model),
            object_id__in=[str(pk) for pk in own.values_list("pk", flat=True)],
        ).update(object_repr=ERASED_PREFIX)
        for own in rows
    )
