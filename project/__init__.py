"""Wiring only: settings, URLs, servers. No business rules, no queries."""
