"""The Django app of this package: its commands, and our Celery app as the current one wherever Django runs."""

from importlib import import_module

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "project"

    def ready(self) -> None:
        # Not imported at the top: it reads the settings, and `project.embedded` is used before they can be read.
        import_module("project.celery")
