"""A worker's work on runs: the process and its lease, one attempt, and what is asked of the model."""
