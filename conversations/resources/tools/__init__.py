"""Tools, MCP servers and trial calls in our own API."""
