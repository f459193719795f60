"""What a turn is shown besides its conversation."""
