"""Endpoints, events, and the deliveries that are owed."""
