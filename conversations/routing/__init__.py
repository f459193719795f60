"""Where a model's questions go: names, keys and targets, and which targets are out at the moment, for all processes.

`entries` and `targets` read the catalogue, the environment and the admin's table; `board` knows the breakers, rests
and places that all processes share through Redis. The choice itself is `rules/routing.py`.
"""

from conversations.routing.entries import any_chat_model, configured_entries, entry_for, taken_fields
from conversations.routing.targets import context_window, for_model

__all__ = ["any_chat_model", "configured_entries", "context_window", "entry_for", "for_model", "taken_fields"]
