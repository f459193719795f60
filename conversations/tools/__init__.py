"""Calls of an account's tools: over HTTP, and of MCP servers. Whatever the outside does becomes a ToolOutcome."""
