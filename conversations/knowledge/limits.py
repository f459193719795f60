"""How large a document may be."""

# What is uploaded, or fetched from a URL, in bytes.
DOCUMENT_MAX_BYTES = 20_000_000
# A book has a million. Its text passes through memory as one piece.
DOCUMENT_MAX_CHARS = 4_000_000
