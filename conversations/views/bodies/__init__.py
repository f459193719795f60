"""What a request brings: its body, read within a budget, and its query parameters; parsed and checked."""
