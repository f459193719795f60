"""The web process around the views: the ASGI handler and its middleware."""
