"""Webhook endpoints, events and deliveries, and the pages that show secrets."""
