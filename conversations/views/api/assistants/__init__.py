"""`/api/v1/assistants`."""
