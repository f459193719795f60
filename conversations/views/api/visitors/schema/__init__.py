"""Visitors in the OpenAPI document."""
