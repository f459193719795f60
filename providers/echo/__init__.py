"""The built-in vendor that needs no network and no key."""
