"""Tools and MCP servers."""
