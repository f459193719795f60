"""What is written of what models look things up in, and of what was read for turns."""
