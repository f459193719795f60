"""`POST /embeddings`: texts to vectors, in one JSON answer. What it shares with chat stays in `openai_chat`."""
