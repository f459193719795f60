"""What belongs to the account, in the OpenAPI document."""
