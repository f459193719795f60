"""What every view of `/api/v1` shares: the error body of `/aichat`."""

from typing import ClassVar

from conversations.dialects.aichat import errors
from conversations.views.http.base import BaseView, ErrorRenderer


class ApiView(BaseView):
    error_renderer: ClassVar[ErrorRenderer] = errors
