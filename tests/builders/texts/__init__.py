"""What passages and sources say, and what runs have read."""
