"""What only a real browser shows: `make browser` runs these in Chromium, and fails without one."""
