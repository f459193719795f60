"""`/api/v1/visitors`: an account's end users."""
