"""Tools in the OpenAPI document."""
