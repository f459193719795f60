"""Threads as a tree, and the pages that reviewers read."""
