"""Fuzzing the GGUF reader: inputs, an independent parser, and what must hold for every input."""
