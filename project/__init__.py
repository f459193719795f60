"""Wiring only: settings, URLs, servers. No rule, no query."""

from project.celery import app as celery

__all__ = ["celery"]
