"""What the routes of the OpenAI family share."""
