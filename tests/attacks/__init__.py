"""What one caller at full speed does to the others: `make attacks`. Loopback only, bounded in number and time."""
