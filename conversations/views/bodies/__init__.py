"""Request bodies: read within a budget, parsed and checked."""
