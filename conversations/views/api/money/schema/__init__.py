"""Our own API in the OpenAPI document."""
