"""What owners read about their webhooks: endpoints, events, deliveries."""
