"""What was sent for a run, made of what is stored: pure."""
