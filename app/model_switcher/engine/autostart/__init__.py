"""Starting at login: the entry that the desktop keeps for the user, whichever desktop it is."""

from model_switcher.engine.autostart.autostart import Autostart, Login, LoginState
from model_switcher.engine.autostart.entries import LoginEntries
from model_switcher.engine.autostart.entry import LoginEntry

__all__ = ["Autostart", "Login", "LoginEntries", "LoginEntry", "LoginState"]
