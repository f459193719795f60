"""The Yuju family: `/v1/openapi`."""
