"""Assets of the program, read through `importlib.resources` alone."""
