"""Whole headers, read in a process of its own: it keeps no stream waiting, and a file that breaks it breaks nothing else."""
