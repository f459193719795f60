"""Journeys of `/v1/openapi/exposed`: tools as actions."""
