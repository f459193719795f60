"""`POST /aichat/tasks` (docs/contract A.9)."""

from typing import ClassVar

from conversations.dialects.aichat import errors
from conversations.dialects.dialect import ErrorRenderer
from conversations.rules import key_rights
from conversations.views.runs.tasks import PollTasksView


class TasksView(PollTasksView):
    error_renderer: ClassVar[ErrorRenderer] = errors
    scope: ClassVar[str] = key_rights.AICHAT
