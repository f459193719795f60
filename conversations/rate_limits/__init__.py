"""How much a key and its account may ask for: counted in Redis for all web processes."""
