"""Pure decisions: values in, values out. No clock, no database, no network."""
