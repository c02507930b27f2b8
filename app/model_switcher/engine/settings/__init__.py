"""The settings of a running instance: in force, changed, tried out."""
