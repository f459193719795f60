"""Knowledge bases and their documents, in the OpenAPI document."""
