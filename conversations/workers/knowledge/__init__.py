"""The knowledge worker: it reads, extracts and indexes documents."""
