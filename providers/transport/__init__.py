"""The network below a call: connections that can be aborted, TLS, encodings, server-sent events."""
