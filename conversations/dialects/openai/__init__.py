"""The OpenAI family, `/v1` and `/openai`: docs/contract, section C."""

NAME = "openai"
