"""A release after this one, with a migration that nobody may run beside."""
