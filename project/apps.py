"""Listed in INSTALLED_APPS for the commands; also makes our Celery app the current one wherever Django runs."""

from importlib import import_module

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "project"

    def ready(self) -> None:
        # Only now may the settings be read: whoever imports `project.embedded` has not made them yet.
        import_module("project.celery")
