"""`/api/v1/usage`: what the account has used, by day, model, key and conversation."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations import errors
from conversations.queries.keyset import Page
from conversations.queries.money import usage
from conversations.resources.money import USAGE_PAGE
from conversations.values.usage import GROUPS, WITHOUT_KEY, UsageQuery
from conversations.views.api.base import ApiView
from conversations.views.api.pages import page_response
from conversations.views.bodies import parameters
from conversations.views.bodies.fields import TextField
from conversations.views.http import threadpool

DAYS_MAX, DAYS_DEFAULT = 366, 30
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)
LIMIT_MAX = 1_000
# It counts as so many of the requests that a key may send, since it reads more than a few rows.
REQUESTS = 5


WITHOUT_KEY_HELP = (
    f"Only runs of the key with this id; `{WITHOUT_KEY}`: only those of client tokens, and vectors made for documents."
)


class DayField(serializers.DateField):
    """An ISO date, such as 2026-12-31."""

    default_error_messages = {"invalid": "must be a date, such as 2026-12-31"}  # noqa: RUF012 — DRF's own way

    def to_internal_value(self, value: str) -> date:  # type: ignore[override] # of a query there are only texts
        try:
            day = datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC).date()
        except ValueError:
            self.fail("invalid")
        # Beyond them days could not be counted from.
        return day if FIRST_DAY <= day <= LAST_DAY else self.fail("invalid")


class GroupsField(serializers.CharField):
    """One or more of GROUPS, with commas between them."""

    default_error_messages = {  # noqa: RUF012 — DRF's own way
        "unknown": f"must be one or more of {', '.join(sorted(GROUPS))}, with commas between them"
    }

    def to_internal_value(self, value: str) -> tuple[str, ...]:  # type: ignore[override] # a list in one text
        names = tuple(value.split(",", len(GROUPS)))
        if not set(names) <= set(GROUPS) or len(set(names)) < len(names):
            self.fail("unknown")
        return names


class UsageParameters(serializers.Serializer[Any]):
    by = GroupsField(default="day", help_text="What to group by: day, model, key, conversation; several with commas.")
    model = TextField(required=False, help_text="Only runs of this model, as they named it.")
    key = TextField(required=False, help_text=WITHOUT_KEY_HELP)
    conversation = TextField(required=False, help_text="Only runs of this conversation.")
    limit = parameters.WholeNumberField(least=1, most=LIMIT_MAX, default=100)
    cursor = TextField(required=False, help_text="Where the page before ended: part of its `next`.")

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of the language."""
        days = {
            "from": DayField(required=False, help_text="The first day, in UTC; 30 days up to `to` without it."),
            "to": DayField(required=False, help_text="The last day, in UTC; today without it."),
        }
        return {**days, **super().get_fields()}


PARAMETERS = UsageParameters()


class UsageView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=REQUESTS)
        wanted = parameters.read(PARAMETERS, request.GET.dict())
        query = _query(wanted, account_id=caller.account_id, today=datetime.now(UTC).date())
        found = await threadpool.call(usage.page, query, cursor=wanted.get("cursor"), limit=wanted["limit"])
        page: Page[Any] = Page(found.rows, found.next_cursor)
        return page_response(request, page, serializer=USAGE_PAGE)


def _query(wanted: dict[str, Any], *, account_id: int, today: date) -> UsageQuery:
    """Raises InvalidRequest."""
    until = wanted.get("to", today)
    since = wanted.get("from")
    if since is None:
        since = until - timedelta(days=DAYS_DEFAULT - 1)
    if not since <= until:
        raise errors.InvalidRequest("from must not be after to", param="from")
    if (until - since).days >= DAYS_MAX:
        raise errors.InvalidRequest(f"from and to must be at most {DAYS_MAX} days apart", param="from")
    names = ("model", "key", "conversation")
    return UsageQuery(account_id, since, until, wanted["by"], **{name: wanted.get(name) for name in names})
