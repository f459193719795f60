"""Documents on their way to a model."""
