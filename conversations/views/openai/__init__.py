"""The OpenAI family: `/v1` and its mirror `/openai`."""
