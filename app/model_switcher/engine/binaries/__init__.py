"""Engine binaries: where they are, what they can do, what they are given, and why they failed."""
