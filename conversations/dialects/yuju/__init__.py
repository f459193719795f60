"""Yuju AI, `POST /v1/openapi/chat` and its siblings: docs/contract, section D."""

NAME = "yuju"
