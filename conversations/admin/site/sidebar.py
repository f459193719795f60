"""The admin's sidebar. The setting UNFOLD["SIDEBAR"]["navigation"] names `groups`."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

Item = dict[str, Any]

GROUPS = (
    ("Review", (("Conversations", "forum", "conversations_conversation"), ("Runs", "bolt", "conversations_run"))),
    (
        "Customers",
        (
            ("Accounts", "domain", "conversations_account"),
            ("API keys", "key", "conversations_apikey"),
            ("Visitors", "groups", "conversations_visitor"),
            ("Presets", "description", "conversations_preset"),
        ),
    ),
    (
        "Assistants",
        (
            ("Assistants", "support_agent", "conversations_assistant"),
            ("Versions", "history", "conversations_assistantversion"),
            ("Intents", "psychology", "conversations_intent"),
        ),
    ),
    (
        "Knowledge",
        (
            ("Bases", "library_books", "conversations_knowledgebase"),
            ("Documents", "article", "conversations_document"),
        ),
    ),
    (
        "Money",
        (
            ("Prices", "sell", "conversations_price"),
            ("Balances", "account_balance_wallet", "conversations_balance"),
            ("Ledger", "receipt_long", "conversations_ledgerentry"),
            ("Differences", "rule", "conversations_ledgerdifference"),
            ("Usage", "query_stats", "conversations_usageofday"),
        ),
    ),
    (
        "Webhooks",
        (
            ("Endpoints", "webhook", "conversations_webhookendpoint"),
            ("Deliveries", "outgoing_mail", "conversations_delivery"),
            ("Events", "notifications", "conversations_event"),
        ),
    ),
    (
        "Tools",
        (("Tools", "build", "conversations_tool"), ("MCP servers", "hub", "conversations_mcpserver")),
    ),
    (
        "Operation",
        (
            ("Workers", "memory", "conversations_worker"),
            ("Vendor keys", "vpn_key", "conversations_upstreamkey"),
            ("Targets", "alt_route", "conversations_upstreamtarget"),
            ("Erasures", "delete_sweep", "conversations_erasure"),
            ("Users", "person", "auth_user"),
            ("Groups", "group", "auth_group"),
        ),
    ),
)


def groups(request: HttpRequest) -> list[Item]:
    """The groups and items that the user may see."""
    shown = [(title, [_item(*row) for row in rows if _may_see(request, row[2])]) for title, rows in GROUPS]
    return [{"title": title, "items": items} for title, items in shown if items]


def _item(title: str, icon: str, route: str) -> Item:
    return {"title": title, "icon": icon, "link": reverse(f"admin:{route}_changelist")}


def _may_see(request: HttpRequest, route: str) -> bool:
    app, model = route.split("_")
    return any(request.user.has_perm(f"{app}.{verb}_{model}") for verb in ("view", "change"))
