"""The log window: what the engines write, live."""
