"""Settings from environment variables: read once, checked, and the secret that is made when none is given."""
