"""Settings from environment variables, read and checked once; and the secret key that is made when none is given."""
