"""One call to a model: retried, read as events, and split into several calls where a vendor gives one answer each."""
