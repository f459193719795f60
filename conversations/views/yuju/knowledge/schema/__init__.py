"""Knowledge bases and their files, in the OpenAPI document."""
