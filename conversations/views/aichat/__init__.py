"""The AceData family: `/aichat`."""
