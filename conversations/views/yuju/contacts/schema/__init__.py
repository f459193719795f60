"""What the OpenAPI document says of the routes beside this package."""
