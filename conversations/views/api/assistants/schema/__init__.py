"""Assistants in the OpenAPI document."""
