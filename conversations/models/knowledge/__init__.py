"""What an account has models look things up in, and what was read for its turns."""
