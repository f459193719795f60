"""Webhooks as bytes: payloads, signatures, and the POST. No database: see `services.webhooks`."""
