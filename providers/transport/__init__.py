"""The network below a call: abortable connections, TLS, compressed bodies, server-sent events."""
