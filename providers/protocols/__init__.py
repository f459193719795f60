"""Wire formats spoken upstream, one folder each with the same files: request, response, errors."""
