"""`POST /openai/tasks`: what `/aichat/tasks` tells, of all tasks of the account, in this family's words for errors."""

from conversations.views.aichat import tasks
from conversations.views.openai.base import OpenAIView


class TasksView(OpenAIView, tasks.TasksView):
    pass
