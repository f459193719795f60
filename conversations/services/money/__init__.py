"""Writes about money."""
