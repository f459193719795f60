"""Webhooks as bytes: payloads, signatures, and the POST itself. No database; what is owed is `services.deliveries`."""
