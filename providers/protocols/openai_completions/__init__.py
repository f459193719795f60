"""`POST /completions`, the older format: a bare text is continued. What it shares with chat stays in `openai_chat`."""
