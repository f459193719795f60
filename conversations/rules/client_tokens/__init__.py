"""Client tokens: how they are written and read, what they say, and what a browser may do with one."""
