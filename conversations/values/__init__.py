"""Pure values that every layer speaks in: what was asked, and what a run says while it works."""
