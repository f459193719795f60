"""All routes. The path alone decides which family (public API) answers, never a header."""

from django.contrib import admin
from django.urls import include, path, re_path

from conversations.admin.site import login
from conversations.views import health
from conversations.views.aichat.conversations import ConversationsView
from conversations.views.aichat.not_found import NotFoundView
from conversations.views.aichat.tasks import TasksView
from conversations.views.api.accounts.client_tokens import (
    ClientTokenRevokeView,
    ClientTokensView,
    VisitorSecretRotateView,
    VisitorSecretView,
)
from conversations.views.api.accounts.keys import KeyDetailView, KeyListView, KeyRotateView
from conversations.views.api.assistants.assistants import AssistantDetailView, AssistantListView
from conversations.views.api.assistants.intents import IntentDetailView, IntentListView
from conversations.views.api.assistants.versions import AssistantVersionListView
from conversations.views.api.callback_secret import CallbackSecretRotateView, CallbackSecretView
from conversations.views.api.conversations.conversations import ConversationDetailView, ConversationListView
from conversations.views.api.conversations.messages import MessageListView
from conversations.views.api.deliveries import DeliveryDetailView, DeliveryListView, DeliveryReplayView
from conversations.views.api.erasures import ErasureDetailView, ErasureListView
from conversations.views.api.events import EventListView
from conversations.views.api.knowledge.bases import BaseDetailView, BaseListView, BaseReindexView
from conversations.views.api.knowledge.documents import DocumentDetailView, DocumentListView, DocumentRetryView
from conversations.views.api.knowledge.search import SearchView
from conversations.views.api.money.balance import BalanceView
from conversations.views.api.money.costs import RunCostView
from conversations.views.api.money.usage import UsageView
from conversations.views.api.runs import RunCancelView, RunContextView, RunDetailView, RunListView, RunStreamView
from conversations.views.api.tools.approvals import RunApproveView, RunRefuseView
from conversations.views.api.tools.mcp_servers import McpServerDetailView, McpServerListView, McpServerRefreshView
from conversations.views.api.tools.tools import ToolDetailView, ToolListView, ToolTryView
from conversations.views.api.upstreams import UpstreamListView
from conversations.views.api.visitors.visitors import (
    VisitorConversationsView,
    VisitorDetailView,
    VisitorListView,
    VisitorMergeView,
)
from conversations.views.api.webhook_endpoints import EndpointDetailView, EndpointListView, EndpointRotateView
from conversations.views.openai.chat import ChatView
from conversations.views.openai.completions import CompletionsView
from conversations.views.openai.embeddings import EmbeddingsView
from conversations.views.openai.models import ModelDetailView, ModelListView
from conversations.views.openai.not_found import NotFoundView as OpenAINotFoundView
from conversations.views.openai.tasks import TasksView as OpenAITasksView
from conversations.views.schema.docs_page import DocsView
from conversations.views.schema.document import DocumentView
from conversations.views.yuju.account.assistants import AssistantListView as YujuAssistantListView
from conversations.views.yuju.account.balance import BalanceView as YujuBalanceView
from conversations.views.yuju.account.chat_models import ChatModelListView
from conversations.views.yuju.account.costs import CostListView
from conversations.views.yuju.actions.execute import ExecuteView
from conversations.views.yuju.actions.exposed import ExposedView, IntentionsView, LogsView
from conversations.views.yuju.chat import ChatView as YujuChatView
from conversations.views.yuju.check import CheckView
from conversations.views.yuju.contacts.contacts import ContactAddView, ContactsView
from conversations.views.yuju.contacts.messages import SendToUserView
from conversations.views.yuju.contacts.records import RecordView
from conversations.views.yuju.knowledge.bases import BaseListView as YujuBaseListView
from conversations.views.yuju.knowledge.contents import ContentAddView, ContentUpdateView
from conversations.views.yuju.knowledge.files import FileListView
from conversations.views.yuju.knowledge.passages import PassageListView
from conversations.views.yuju.not_found import NotFoundView as YujuNotFoundView

admin.autodiscover()

openai = [
    re_path(r"^chat/completions/?$", ChatView.as_view()),
    re_path(r"^completions/?$", CompletionsView.as_view()),
    re_path(r"^embeddings/?$", EmbeddingsView.as_view()),
    re_path(r"^models/?$", ModelListView.as_view()),
    re_path(r"^models/(?P<model>.+)$", ModelDetailView.as_view()),
    re_path(r"^tasks/?$", OpenAITasksView.as_view()),
    re_path("", OpenAINotFoundView.as_view()),
]

yuju = [
    re_path(r"^chat/?$", YujuChatView.as_view()),
    re_path(r"^check/?$", CheckView.as_view()),
    re_path(r"^chat/record/?$", RecordView.as_view()),
    re_path(r"^contacts/?$", ContactsView.as_view()),
    re_path(r"^contacts/add/?$", ContactAddView.as_view()),
    re_path(r"^send-to-user/?$", SendToUserView.as_view()),
    re_path(r"^aibot-list/?$", YujuAssistantListView.as_view()),
    re_path(r"^chat_models/?$", ChatModelListView.as_view()),
    re_path(r"^balance/?$", YujuBalanceView.as_view()),
    re_path(r"^cost/details/?$", CostListView.as_view()),
    re_path(r"^kbs-list/?$", YujuBaseListView.as_view()),
    re_path(r"^kbs-add-content/(?P<kbs>[^/]+)/?$", ContentAddView.as_view()),
    re_path(r"^kbs-content/?$", PassageListView.as_view()),
    re_path(r"^kbs-update-content/?$", ContentUpdateView.as_view()),
    re_path(r"^kbs/file/list/?$", FileListView.as_view()),
    re_path(r"^exposed/?$", ExposedView.as_view()),
    re_path(r"^exposed/logs/?$", LogsView.as_view()),
    re_path(r"^exposed/(?P<action_id>.+)/execute/?$", ExecuteView.as_view()),
    re_path(r"^intentions/?$", IntentionsView.as_view()),
    re_path("", YujuNotFoundView.as_view()),
]

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    re_path(r"^aichat/conversations/?$", ConversationsView.as_view()),
    re_path(r"^aichat/tasks/?$", TasksView.as_view()),
    path("api/v1/runs", RunListView.as_view()),
    path("api/v1/runs/<str:run_id>", RunDetailView.as_view()),
    path("api/v1/balance", BalanceView.as_view()),
    path("api/v1/usage", UsageView.as_view()),
    path("api/v1/runs/<str:run_id>/cost", RunCostView.as_view()),
    path("api/v1/runs/<str:run_id>/context", RunContextView.as_view()),
    path("api/v1/runs/<str:run_id>/cancel", RunCancelView.as_view()),
    path("api/v1/runs/<str:run_id>/approve", RunApproveView.as_view()),
    path("api/v1/runs/<str:run_id>/refuse", RunRefuseView.as_view()),
    path("api/v1/runs/<str:run_id>/stream", RunStreamView.as_view()),
    path("api/v1/conversations", ConversationListView.as_view()),
    path("api/v1/conversations/<str:conversation_id>/messages", MessageListView.as_view()),
    path("api/v1/conversations/<str:conversation_id>", ConversationDetailView.as_view()),
    path("api/v1/keys", KeyListView.as_view()),
    path("api/v1/keys/<str:key_id>", KeyDetailView.as_view()),
    path("api/v1/keys/<str:key_id>/rotate", KeyRotateView.as_view()),
    path("api/v1/client_tokens", ClientTokensView.as_view()),
    path("api/v1/client_tokens/revoke", ClientTokenRevokeView.as_view()),
    path("api/v1/visitor_secret", VisitorSecretView.as_view()),
    path("api/v1/visitor_secret/rotate", VisitorSecretRotateView.as_view()),
    path("api/v1/erasures", ErasureListView.as_view()),
    path("api/v1/erasures/<str:erasure_id>", ErasureDetailView.as_view()),
    path("api/v1/webhook_endpoints", EndpointListView.as_view()),
    path("api/v1/webhook_endpoints/<str:endpoint_id>", EndpointDetailView.as_view()),
    path("api/v1/webhook_endpoints/<str:endpoint_id>/rotate", EndpointRotateView.as_view()),
    path("api/v1/callback_secret", CallbackSecretView.as_view()),
    path("api/v1/callback_secret/rotate", CallbackSecretRotateView.as_view()),
    path("api/v1/events", EventListView.as_view()),
    path("api/v1/knowledge", BaseListView.as_view()),
    path("api/v1/knowledge/<str:base_id>", BaseDetailView.as_view()),
    path("api/v1/knowledge/<str:base_id>/search", SearchView.as_view()),
    path("api/v1/knowledge/<str:base_id>/reindex", BaseReindexView.as_view()),
    path("api/v1/knowledge/<str:base_id>/documents", DocumentListView.as_view()),
    path("api/v1/knowledge/<str:base_id>/documents/<str:document_id>", DocumentDetailView.as_view()),
    path("api/v1/knowledge/<str:base_id>/documents/<str:document_id>/retry", DocumentRetryView.as_view()),
    path("api/v1/upstreams", UpstreamListView.as_view()),
    path("api/v1/tools", ToolListView.as_view()),
    path("api/v1/tools/<str:tool_id>", ToolDetailView.as_view()),
    path("api/v1/tools/<str:tool_id>/try", ToolTryView.as_view()),
    path("api/v1/visitors", VisitorListView.as_view()),
    path("api/v1/visitors/<str:visitor_id>", VisitorDetailView.as_view()),
    path("api/v1/visitors/<str:visitor_id>/merge", VisitorMergeView.as_view()),
    path("api/v1/visitors/<str:visitor_id>/conversations", VisitorConversationsView.as_view()),
    path("api/v1/mcp_servers", McpServerListView.as_view()),
    path("api/v1/mcp_servers/<str:server_id>", McpServerDetailView.as_view()),
    path("api/v1/mcp_servers/<str:server_id>/refresh", McpServerRefreshView.as_view()),
    path("api/v1/assistants", AssistantListView.as_view()),
    path("api/v1/assistants/<str:assistant_id>", AssistantDetailView.as_view()),
    path("api/v1/assistants/<str:assistant_id>/versions", AssistantVersionListView.as_view()),
    path("api/v1/intents", IntentListView.as_view()),
    path("api/v1/intents/<str:intent_id>", IntentDetailView.as_view()),
    path("api/v1/deliveries", DeliveryListView.as_view()),
    path("api/v1/deliveries/<str:delivery_id>", DeliveryDetailView.as_view()),
    path("api/v1/deliveries/<str:delivery_id>/replay", DeliveryReplayView.as_view()),
    path("api/schema", DocumentView.as_view()),
    re_path(r"^docs/?$", DocsView.as_view()),
    path("admin/login/", login.view),
    path("admin/", admin.site.urls),
    # Before those of `v1/`, which have a 404 of their own.
    path("v1/openapi/", include(yuju)),
    path("v1/openapi", YujuNotFoundView.as_view()),
    path("v1/", include(openai)),
    # The same routes under another prefix (docs/contract B.6).
    path("openai/", include(openai)),
    # Paths of Midjourney's proxy, which is not served here, get OpenAI's error body (docs/contract C.7).
    re_path(r"^(?:v1|openai|mj(?:/.*)?)$", OpenAINotFoundView.as_view()),
    # Every other path. The error body of /aichat is also that of our own API.
    re_path("", NotFoundView.as_view()),
]
