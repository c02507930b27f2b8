"""What the X server knows and Qt does not tell."""

from __future__ import annotations

import ctypes
import ctypes.util

from PySide6.QtGui import QGuiApplication

TRAY = "_NET_SYSTEM_TRAY_S{screen}"
"""freedesktop.org's System Tray Protocol: whoever owns this selection is the tray."""
COMPOSITOR = "_NET_WM_CM_S{screen}"
"""freedesktop.org's Extended Window Manager Hints: whoever owns this selection draws the screen."""


def is_composited() -> bool:
    """Whether windows can be transparent: everywhere but on an X server without a compositor."""
    return QGuiApplication.platformName() != "xcb" or selection_is_owned(COMPOSITOR)


def selection_is_owned(selection: str) -> bool:
    """Whether anybody owns a selection; `{screen}` in its name is the number of the screen."""
    name = ctypes.util.find_library("X11")
    if name is None:
        return False
    x11 = ctypes.CDLL(name)
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = x11.XGetSelectionOwner.restype = ctypes.c_ulong
    display = ctypes.c_void_p(x11.XOpenDisplay(None))
    if not display:
        return False
    wanted = selection.format(screen=x11.XDefaultScreen(display)).encode()
    atom = ctypes.c_ulong(x11.XInternAtom(display, wanted, 0))
    owner = x11.XGetSelectionOwner(display, atom)
    x11.XCloseDisplay(display)
    return bool(owner)
