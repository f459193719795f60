"""`POST /chat/completions`: messages in, answers out, streamed or whole."""
