"""Visitors: who comes with a turn, and how they are made, changed and merged. Deleting them: `services/erasures/`."""
