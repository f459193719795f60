"""Contacts, which are the account's visitors, and their messages (docs/contract D.8)."""
