"""Arguments, verbs and rendering; composes desktop and gateway around one runtime."""
