"""factory-boy factories: each makes the least valid row. A test states only what it is about."""
