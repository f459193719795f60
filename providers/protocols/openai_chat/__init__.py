"""`POST /chat/completions` as OpenAI defined it and everybody else speaks it."""
