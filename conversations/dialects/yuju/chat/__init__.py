"""`POST /v1/openapi/chat`: the request, the answer and the stream (docs/contract D.2 to D.6)."""
