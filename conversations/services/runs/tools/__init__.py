"""What runs remember of the tools that their models call."""
