"""What the program writes, as operations that can be ended at any write: prepare, do, and look at what is there."""

from __future__ import annotations

from pathlib import Path

from fakes.released import ENTRY, NEED, RECORD
from model_switcher.engine.autostart.xdg import XdgAutostart
from model_switcher.engine.database import Database
from model_switcher.engine.history.store import HistoryStore
from model_switcher.engine.needs.store import MIGRATIONS, NeedStore
from model_switcher.engine.needs.store import _write as write_entry
from model_switcher.engine.settings_file import load, update
from model_switcher.engine.surroundings import Surroundings

PORT = ("server", "port")


def settings_before(folder: Path) -> None:
    (folder / "settings.toml").write_text("# mine\n[server]\nport = 1000 # and this\n", "utf-8")


def settings_change(folder: Path) -> None:
    update(folder / "settings.toml", {PORT: 2000})


def settings_found(folder: Path) -> object:
    loaded = load(folder / "settings.toml")
    assert not loaded.problems, loaded.problems
    found = loaded.settings.server.port
    assert "# mine" in (folder / "settings.toml").read_text("utf-8")
    settings_change(folder)  # what the end left behind is in nobody's way
    assert load(folder / "settings.toml").settings.server.port == 2000
    return found


def history_before(folder: Path) -> None:
    HistoryStore(folder / "history.sqlite").add([RECORD])


def history_change(folder: Path) -> None:
    HistoryStore(folder / "history.sqlite").add([RECORD, RECORD])


def history_found(folder: Path) -> object:
    store = HistoryStore(folder / "history.sqlite")
    found = store.read(repair=True)
    assert set(map(repr, found)) <= {repr(RECORD)}
    store.add([RECORD])
    assert len(store.read()) == len(found) + 1
    assert not list(folder.glob("*.damaged"))
    return len(found)


def nothing(folder: Path) -> None:
    del folder


def needs_change(folder: Path) -> None:
    # In this thread: a process that is forked has no others.
    Database(folder / "needs.sqlite", "needs", MIGRATIONS).write(
        lambda connection: write_entry(connection, ENTRY)
    )


def needs_found(folder: Path) -> object:
    store = NeedStore(folder / "needs.sqlite")
    store.load(repair=True)
    found = store.all_measured(ENTRY.key.files)
    assert all(one.need == NEED for one in found)
    needs_change(folder)
    assert not list(folder.glob("*.damaged"))
    return len(found)


def login_change(folder: Path) -> None:
    XdgAutostart("model-switcher", "Model Switcher", _around(folder)).write(("/bin/new", "tray"))


def login_before(folder: Path) -> None:
    XdgAutostart("model-switcher", "Model Switcher", _around(folder)).write(("/bin/old", "tray"))


def login_found(folder: Path) -> object:
    found = XdgAutostart("model-switcher", "Model Switcher", _around(folder)).read()
    return None if found is None else found.command[0]


def _around(folder: Path) -> Surroundings:
    return Surroundings(
        platform="linux", environment={}, home=folder, program=Path("/bin/sh"), embedded=None, roots=()
    )


OPERATIONS = {
    "settings": (settings_before, settings_change, settings_found),
    "history": (history_before, history_change, history_found),
    "needs": (nothing, needs_change, needs_found),
    "login entry": (login_before, login_change, login_found),
}
