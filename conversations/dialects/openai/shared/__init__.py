"""What the routes of the OpenAI family have in common."""
