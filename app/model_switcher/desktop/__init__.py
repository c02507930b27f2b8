"""The tray. The only place that knows Qt."""
