"""The options of a generation, whichever family asks: names, types and ranges, as the OpenAI format has them."""
