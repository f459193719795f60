"""What an account has, in the OpenAPI document."""
