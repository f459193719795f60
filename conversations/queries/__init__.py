"""Reads that join concepts or shape a page; they never write."""
