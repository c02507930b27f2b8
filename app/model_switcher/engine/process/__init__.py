"""Child processes: how they are spawned, watched, guarded against outliving us, and ended."""
