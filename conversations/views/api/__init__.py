"""Our own API: `/api/v1`, with Bearer keys and the error body of `/aichat`."""
