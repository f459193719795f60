"""Wiring only: settings, URLs, servers. No rule, no query."""
