"""The engine that comes with the program: llama-server's flags over the PyPI package `xllamacpp`."""
