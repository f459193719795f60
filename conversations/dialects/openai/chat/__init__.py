"""`/v1/chat/completions`: the request, the answer and the stream."""
