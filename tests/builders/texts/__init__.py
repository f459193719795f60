"""What passages and sources say."""
