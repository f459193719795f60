"""What every view of `/api/v1` shares: the error body of `/aichat`."""

from typing import ClassVar

from conversations.dialects.api import errors
from conversations.dialects.dialect import ErrorRenderer
from conversations.views.http.base import BaseView


class ApiView(BaseView):
    error_renderer: ClassVar[ErrorRenderer] = errors
