"""Journeys of visitors: who asks, in every family, and what their account sees and does of them."""
