"""What an account has, as siblings of the chat: assistants, models, money (docs/contract D.8)."""
