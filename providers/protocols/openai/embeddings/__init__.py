"""`POST /embeddings`: texts to vectors, in one JSON answer. What it shares with chat is in `chat`."""
