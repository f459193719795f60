"""The life of a run: accepted, claimed by a worker, finished, and told of."""
