"""What was sent for a run: read from what is stored of it, and made into its receipt."""
