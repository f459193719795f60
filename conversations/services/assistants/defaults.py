"""The account's default assistant: it answers requests that name none. It is made when it is first needed."""

from django.db import IntegrityError, transaction

from conversations import errors
from conversations.models import Assistant, AssistantVersion
from conversations.queries.assistants import assistants, configs
from conversations.services.accounts import quotas
from conversations.stores import refusals
from conversations.values.assistants import AssistantConfig, AssistantKind

NAME = "Default"
ONLY_ONE = "account_has_one_default_assistant"


def config_of(*, account_id: int, assistant_id: str | None) -> AssistantConfig:
    """As `queries.assistants.configs.load`, and makes the default one. Raises NotFound for one that is unknown."""
    try:
        return configs.load(account_id=account_id, assistant_id=assistant_id)
    except errors.NotFound:
        if assistant_id is not None:
            raise
    default_of(account_id=account_id)
    return configs.load(account_id=account_id, assistant_id=None)


def default_of(*, account_id: int) -> Assistant:
    """Raises InvalidRequest for an account that was erased."""
    own = assistants.of_account(account_id=account_id).filter(is_default=True)
    if (found := own.first()) is not None:
        return found
    try:
        return _make(account_id=account_id)
    except IntegrityError as exc:
        # Another request made it in the same moment.
        if refusals.constraint(exc) != ONLY_ONE:
            raise
        return own.get()


@transaction.atomic
def _make(*, account_id: int) -> Assistant:
    """Beside the account's quota: every account must be able to ask without a name."""
    account = quotas.lock_account(account_id)
    own = assistants.of_account(account_id=account_id).filter(is_default=True)
    if (found := own.first()) is not None:
        return found
    made = Assistant.objects.create(account=account, is_default=True)
    AssistantVersion.objects.create(
        account=account, assistant=made, number=1, name=NAME, kind=AssistantKind.DIALOGUE.value
    )
    return made
