"""`/api/v1/tools` and `/api/v1/mcp_servers`."""
