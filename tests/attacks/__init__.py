"""`make attacks` measures what one caller at full speed does to others, on loopback and within bounds."""
