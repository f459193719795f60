"""Endpoints, events and deliveries: recorded, owed, attempted."""
