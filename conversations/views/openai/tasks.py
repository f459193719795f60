"""`POST /openai/tasks`: as `/aichat/tasks`, with the errors of this family."""

from conversations.views.aichat import tasks
from conversations.views.openai.base import OpenAIView


class TasksView(OpenAIView, tasks.TasksView):
    pass
