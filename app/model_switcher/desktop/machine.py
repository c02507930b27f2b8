"""What a bug report tells of this machine."""

from __future__ import annotations

import os
import platform
import sys

import PySide6
from PySide6.QtCore import qVersion
from PySide6.QtGui import QGuiApplication

from model_switcher.desktop.view_state.report import Machine


def machine(secrets: tuple[str, ...] = ()) -> Machine:
    """This machine; `secrets` are what must not be told."""
    qt = f"Qt {qVersion()} (PySide6 {PySide6.__version__}, {QGuiApplication.platformName()})"
    packed = " · packaged" if getattr(sys, "frozen", False) else ""
    return Machine(
        versions=(f"Python {platform.python_version()}{packed}", qt),
        system=_system(),
        home=os.path.expanduser("~"),  # noqa: PTH111 - a text, as it stands in paths
        secrets=secrets,
    )


def _system() -> str:
    described = platform.platform()
    if sys.platform == "linux":
        try:
            release = platform.freedesktop_os_release().get("PRETTY_NAME", "")
        except OSError:
            release = ""
        described = f"{release}, {described}" if release else described
    return described
