"""The panel: a small window next to the tray. Each of its parts is a widget of its own, given values to show."""
