"""Bytes decoded as text, whatever their charset."""
