"""Contacts, which are the account's visitors, and what was said with them."""
