"""`/v1/openapi/exposed`: the account's tools as actions; and its intents."""
