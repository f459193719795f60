"""Journeys of the Yuju family, `/v1/openapi`."""
