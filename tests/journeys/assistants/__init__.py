"""Journeys: assistants, kept over the API and asked in every family."""
