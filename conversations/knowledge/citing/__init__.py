"""Which sources an answer cites, and on which of their words each citation rests."""
