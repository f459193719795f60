"""What of the sources a model is shown, and how: fitted to its window, numbered, before the question."""
