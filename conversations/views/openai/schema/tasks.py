"""Polling tasks at `/openai/tasks`, in the document: as at `/aichat/tasks`, with this family's error body."""

from conversations.views.openai.schema.errors import OPENAI_ERROR
from conversations.views.openai.tasks import TasksView
from conversations.views.schema import tasks
from conversations.views.schema.operations import describe_view

describe_view(TasksView, post=tasks.operation("openai_tasks", "openai", error=OPENAI_ERROR))
