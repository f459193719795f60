"""Which intents the question of a turn satisfies, found out beside the call to its model."""
