"""Knowledge bases and their files, as siblings of the chat (docs/contract D.8)."""
