"""The process that documents are parsed in: one server, which has the parsers in memory and forks for each document."""
