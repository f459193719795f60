"""A worker's work on runs: the process and its lease, one attempt from claim to end, and runs that nobody works on."""
