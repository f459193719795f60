"""Tools and MCP servers, for their owners and for turns."""
