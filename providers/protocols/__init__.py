"""How models are asked: one folder for each protocol, and the registry that finds them by name."""
