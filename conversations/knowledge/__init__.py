"""What documents become on their way to a model: passages, ranked, fitted and cited. Pure: no store, no network."""
