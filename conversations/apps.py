"""The one Django app."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    name = "conversations"
    verbose_name = "Parley"
    default_auto_field = "django.db.models.BigAutoField"
