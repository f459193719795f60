"""What account owners read about their webhooks."""
