"""`/aichat` in the OpenAPI document."""
