"""What all pages of the admin share, and signing in."""
