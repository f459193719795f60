"""Queries about visitors."""
