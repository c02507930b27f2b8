"""Finding, starting and talking to a running instance; used by the command line and the Python functions."""
