"""One module a format, each with `read`. Only imported in the process that can be killed."""
