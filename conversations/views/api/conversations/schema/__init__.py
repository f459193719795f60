"""What the OpenAPI document says of `/api/v1/conversations`."""
