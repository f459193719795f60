"""Webhooks in our own API: endpoints, deliveries, events and the secret of callbacks."""
