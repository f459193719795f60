"""What the pages of the admin share, and the login."""
