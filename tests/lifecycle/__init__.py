"""A year of work, simulated on a clock through the real parts."""
