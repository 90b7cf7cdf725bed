"""Videos: a song's picture, drawn from its own art and sound, with its words in time."""
