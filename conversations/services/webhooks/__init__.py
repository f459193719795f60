"""Webhook endpoints, events, deliveries and the attempts to send them."""
