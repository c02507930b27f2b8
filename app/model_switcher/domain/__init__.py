"""Frozen values and pure functions; the bottom floor, free of any I/O."""
