"""`model-switcher doctor`: what is wrong with this machine, and what to do about it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from model_switcher.cli.progress import reading_shown
from model_switcher.cli.render import print_findings
from model_switcher.cli.tray import has_desktop
from model_switcher.client.finding import find
from model_switcher.domain.wire import encode
from model_switcher.engine.collection import catalog_now, stores
from model_switcher.engine.doctor import Finding, Level, examine
from model_switcher.engine.doctor.finding import ok, warning
from model_switcher.engine.settings_file import load
from model_switcher.places import places

if TYPE_CHECKING:
    import argparse

GNOME = "Install and switch on the extension AppIndicator and KStatusNotifierItem Support: GNOME has no tray without it."
PANEL = "Add the notification area (status tray) to your panel."


async def doctor(options: argparse.Namespace) -> int:
    """`doctor`: every finding with its fix; status 1 if there is a problem."""
    where = places(options.config)
    loaded = load(where.settings)
    record = find(where)
    with reading_shown() as shown:
        catalog = await catalog_now(loaded.settings, where, shown)
    findings = await examine(
        loaded,
        where,
        stores=await asyncio.to_thread(stores, loaded.settings),
        catalog=catalog,
        running=record.address if record else None,
    )
    findings.append(tray())
    if options.json:
        print(encode({"findings": findings}).decode())
    else:
        print_findings(findings)
    return 1 if any(finding.level is Level.PROBLEM for finding in findings) else 0


def tray() -> Finding:
    """Whether the desktop that this is run on shows tray icons."""
    if not has_desktop():
        return ok("tray", "There is no screen here: the program serves without a tray")
    try:
        from model_switcher.desktop.tray_doctor import has_tray  # noqa: PLC0415 - Qt is needed here alone
    except ImportError as error:
        return warning(
            "tray", f"Qt is not installed ({error})", "Install PySide6-Essentials, or use `serve`."
        )
    if has_tray():
        return ok("tray", "The desktop has a tray")
    gnome = "gnome" in os.environ.get("XDG_CURRENT_DESKTOP", "").casefold()
    return warning(
        "tray", "This desktop shows no tray icons: a window is shown instead", GNOME if gnome else PANEL
    )
