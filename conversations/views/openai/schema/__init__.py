"""`/v1` in the OpenAPI document; `/openai` mirrors it."""
