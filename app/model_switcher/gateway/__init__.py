"""The HTTP front at the stable address."""
