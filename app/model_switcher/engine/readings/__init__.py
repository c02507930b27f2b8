"""What GPU and main memory hold, once a second."""
