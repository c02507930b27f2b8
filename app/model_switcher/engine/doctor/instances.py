"""The address, other instances of this program, and what starts at login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.errors import LoginEntryError, SwitcherError
from model_switcher.engine.autostart import Autostart, LoginState
from model_switcher.engine.doctor.finding import Finding, ok, problem, warning
from model_switcher.engine.instance import InstanceLock, is_alive, read_record
from model_switcher.engine.ports import bind_stable
from model_switcher.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model_switcher.domain.settings import ServerSettings

ADDRESS = "address"
LOGIN = "login"


def address(server: ServerSettings, where: Places, running: str | None) -> Iterator[Finding]:
    """Whether the address is free, or ours already."""
    if running is not None:
        yield ok(ADDRESS, f"An instance is running at {running}")
        return
    if _is_locked(where):
        yield problem(
            ADDRESS,
            f"Another process holds {where.lock}, and does not say where it serves",
            "It is starting or ending, or it hangs: look for a process called model-switcher, and end it if it stays.",
        )
    others = dict(_others(where))
    try:
        sockets = bind_stable(server.host, server.port)
    except SwitcherError as error:
        mine = [file for file, url in others.items() if url.endswith(f":{server.port}")]
        if mine:
            yield problem(
                ADDRESS,
                f"Port {server.port} is used by another instance of this program (process files in {mine[0]})",
                "Two settings files need two ports: change [server] port in one of them.",
            )
        else:
            yield problem(ADDRESS, error.message, error.hint)
    else:
        for each in sockets:
            each.close()
        yield ok(ADDRESS, f"Port {server.port} is free")
    for url in others.values():
        yield ok(ADDRESS, f"Another instance, with settings of its own, is running at {url}")


def login(keeper: Autostart, *, wanted: bool) -> Iterator[Finding]:
    """What starts at login, beside what the settings want."""
    on = "`model-switcher autostart on` makes it start this program; `autostart off` removes it."
    try:
        entry = keeper.look()
    except LoginEntryError as error:
        yield warning(LOGIN, error.message, error.hint)
        return
    match entry.state:
        case LoginState.STALE:
            yield problem(
                LOGIN, f"What starts at login is not there any more: {entry.command[0]} ({entry.place})", on
            )
        case LoginState.OTHER:
            yield warning(LOGIN, f"Another installation starts at login: {entry.command[0]}", on)
        case LoginState.SWITCHED_OFF if wanted:
            yield warning(LOGIN, "The desktop's own settings keep the tray from starting at login", on)
        case LoginState.OFF if wanted:
            yield warning(
                LOGIN, "The settings want the tray to start at login, and there is no entry for it", on
            )
        case LoginState.ON:
            yield ok(LOGIN, "The tray starts at login")
        case _:
            yield ok(LOGIN, "The tray does not start at login")


def _is_locked(where: Places) -> bool:
    lock = InstanceLock(where.lock)
    try:
        return where.lock.exists() and not lock.try_acquire()
    except (OSError, SwitcherError):
        return False
    finally:
        lock.release()


def _others(where: Places) -> Iterator[tuple[str, str]]:
    """Folder and address of each further instance of this user's that runs."""
    try:
        folders = sorted(where.runtime.parent.iterdir())
    except OSError:
        return
    for folder in folders:
        if folder == where.runtime:
            continue
        record = read_record(Places(where.settings, folder, where.cache, where.logs, where.state))
        if record is not None and is_alive(record):
            yield str(folder), record.address
