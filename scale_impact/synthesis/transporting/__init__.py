"""Effects by context carried to another population: weights that make one look like the other, and what they rest on."""
