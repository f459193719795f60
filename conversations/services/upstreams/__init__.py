"""Keys of vendors and targets of models: changed here, and read by every process when their version changes."""
