"""This release's settings, with the migrations of the next."""

from project.settings import *  # noqa: F403 - all of them

MIGRATION_MODULES = {"conversations": "tests.journeys.operation.database.migrations"}
