"""Files that are read for models which do not take them."""
