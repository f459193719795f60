"""What belongs to the account itself: its keys."""
