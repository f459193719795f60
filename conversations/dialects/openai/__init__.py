"""The OpenAI family, `/v1` and `/openai`: api-contract.md, section C."""
