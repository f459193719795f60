"""`POST /openai/tasks`: as `/aichat/tasks`, with the errors of this family."""

from conversations.views.openai.base import OpenAIView
from conversations.views.runs.tasks import PollTasksView


class TasksView(OpenAIView, PollTasksView):
    pass
