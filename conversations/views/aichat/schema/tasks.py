"""Polling tasks at `/aichat/tasks`, in the document (docs/contract A.9)."""

from conversations.views.aichat.tasks import TasksView
from conversations.views.schema import tasks
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import ERROR

describe_view(TasksView, post=tasks.operation("aichat_tasks", "aichat", error=ERROR))
