"""`model-switcher autostart`: whether the tray starts when the user logs in."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

from model_switcher.domain.wire import encode, plain
from model_switcher.engine.autostart import Autostart, LoginState
from model_switcher.places import places

if TYPE_CHECKING:
    import argparse

    from model_switcher.engine.autostart import Login

_WORDS = {
    LoginState.OFF: "The tray does not start at login.",
    LoginState.ON: "The tray starts at login.",
    LoginState.SWITCHED_OFF: "The tray does not start at login: it was switched off in the desktop's settings.",
    LoginState.STALE: "The tray does not start at login: what is to be started is not there any more.",
    LoginState.OTHER: "The tray of another installation starts at login.",
}


async def autostart(options: argparse.Namespace) -> int:
    """`autostart on|off|status`.

    Raises:
        SettingsError: The settings file is broken.
        LoginEntryError: The entry cannot be read or changed.
    """
    keeper = Autostart(places(options.config))
    if options.wish != "status":
        await asyncio.to_thread(lambda: keeper.turn(on=options.wish == "on"))
    login = await asyncio.to_thread(keeper.look)
    if options.json:
        print(encode(plain(login)).decode())
    else:
        _print(login)
    return 0


def _print(login: Login) -> None:
    print(_WORDS[login.state])
    if login.command:
        line = (
            subprocess.list2cmdline(login.command) if sys.platform == "win32" else shlex.join(login.command)
        )
        print(f"Command  {line}\nEntry    {login.place}")
    if login.state in {LoginState.STALE, LoginState.SWITCHED_OFF, LoginState.OTHER}:
        print("`model-switcher autostart on` has this program start.")
