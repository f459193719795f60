"""Journeys of `/v1/openapi/contacts` and what was said with them."""
