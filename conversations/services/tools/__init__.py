"""Tools: made, changed and deleted; and what MCP servers list."""
