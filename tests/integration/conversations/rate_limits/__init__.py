"""The limits, counted in a real Valkey."""
