"""What is asked before the first engine starts."""
