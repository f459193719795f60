"""What runs remember of tools, and how they wait for approvals."""
