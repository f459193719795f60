"""The protocol that OpenAI defined and most vendors speak: chat, completions and embeddings.

Here: what the three share. What a vendor does differently is data: its quirks in the catalogue.
"""
