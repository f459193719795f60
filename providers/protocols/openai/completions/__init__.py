"""`POST /completions`, the older operation: a text is continued. What it shares with chat is in `chat`."""
