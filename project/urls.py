"""All routes. The family is decided by the path alone, never by headers."""

from django.contrib import admin
from django.urls import path, re_path

from conversations.views import health
from conversations.views.aichat.conversations import ConversationsView
from conversations.views.aichat.unknown import UnknownView
from conversations.views.api.runs import RunCancelView, RunListView, RunStreamView, RunView

admin.autodiscover()

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    re_path(r"^aichat/conversations/?$", ConversationsView.as_view()),
    path("api/v1/runs", RunListView.as_view()),
    path("api/v1/runs/<str:run_id>", RunView.as_view()),
    path("api/v1/runs/<str:run_id>/cancel", RunCancelView.as_view()),
    path("api/v1/runs/<str:run_id>/stream", RunStreamView.as_view()),
    path("admin/", admin.site.urls),
    # Whatever no route knows, in the error body of /aichat, which is also that of our own API.
    re_path("", UnknownView.as_view()),
]
