"""Tries a packaged build on a virtual screen: its own test of itself, how it reads headers, its tray, its embedded engine,
a switch by a menu click, a clean end, and its login entry when its folder has been moved.

PYTHONPATH=tests python tests/packaging/smoke.py dist/model-switcher/model-switcher
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from fakes.instance import Instance, write_settings
from fakes.launches import lives
from fakes.screen import eventually, screen
from fakes.tray import TrayDriver
from model_switcher.engine.catalog.facts import Facts
from model_switcher.engine.demo_models import write_demo_models
from model_switcher.engine.header_process.messages import GREETING, Frames, decode, frame
from model_switcher.engine.header_process.process import VERB


def read_header_of(program: Path, path: Path) -> None:
    """The program reads headers as itself, for there is no Python beside it."""
    command = [str(program), VERB]
    answer = subprocess.run(command, input=frame(str(path).encode()), capture_output=True, check=True)
    greeting, content = Frames().feed(answer.stdout)
    facts = decode(content)
    assert (greeting, isinstance(facts, Facts) and facts.architecture) == (GREETING, "llama"), answer


async def smoke(program: Path, folder: Path, panel: TrayDriver) -> None:
    models = write_demo_models(folder)
    read_header_of(program, models[0])
    settings = write_settings(folder, models, more="[desktop]\nstart-at-login = true")
    entry = Path(login(program, settings, "on")["place"])
    # As it was where the program lay before.
    entry.write_text(entry.read_text("utf-8").replace(str(program), "/gone/model-switcher"), "utf-8")
    assert login(program, settings, "status")["state"] == "stale"
    async with Instance(settings, "tray", program=[str(program)]) as instance:
        assert instance.process is not None
        before = (await instance.ready()).served
        assert before is not None
        eventually(panel.items, what="the icon is registered")
        panel.click("Demo Birch")
        snapshot = await instance.until(
            lambda s: s.switch is None and s.served is not None and s.served.model == "demo-birch"
        )
        after = snapshot.served
        assert after is not None
        assert after.pid != before.pid
        assert after.engine.startswith("xllamacpp")
        panel.click("Quit")
        assert await instance.process.wait() == 0, instance.said()
        assert not lives(before.pid or 0)
        assert not lives(after.pid or 0)
        assert instance.said() == "", instance.said()


def main() -> None:
    program = Path(sys.argv[1]).resolve()
    with screen() as private, tempfile.TemporaryDirectory() as folder:
        os.environ.update(private.environment)
        with TrayDriver(private.bus) as panel:
            eventually(lambda: panel.items() == [])  # the panel is up
            whole(program)
            program = moved(program)
            try:
                asyncio.run(smoke(program, Path(folder), panel))
                login_entry_followed(program, Path(folder))
            finally:
                moved(program, back=True)
    print(
        f"{program.name}: whole, tray shown, model switched by a click, login entry renewed, nothing left behind"
    )


def whole(program: Path) -> None:
    """What the program says of itself, on a desktop with a tray."""
    said = subprocess.run(
        [program, "selftest", "--packaged", "--json"], capture_output=True, text=True, check=False
    )
    form = json.loads(said.stdout)
    assert (said.returncode, form["ok"], said.stderr) == (0, True, ""), said
    assert not [step for step in form["steps"] if step["problem"]], form
    assert [step["step"] for step in form["steps"]][:4] == ["imports", "resources", "tray", "start"]


def moved(program: Path, *, back: bool = False) -> Path:
    """The program in a folder that its user has renamed; one that is a single file stays."""
    if program.parent.name == "dist":
        return program
    folder = program.parent
    new = folder.with_name(folder.name.removesuffix(" (new)") if back else f"{folder.name} (new)")
    folder.rename(new)
    return new / program.name


def login(program: Path, settings: Path, wish: str) -> dict[str, Any]:
    """The login entry as the program tells it."""
    command = [program, "--config", settings, "autostart", wish, "--json"]
    form: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return form


def login_entry_followed(program: Path, folder: Path) -> None:
    """The tray that ran a moment ago has made the entry name the place where it is now."""
    form = login(program, folder / "settings.toml", "status")
    assert (form["state"], form["command"][0]) == ("on", str(program)), form
    assert login(program, folder / "settings.toml", "off")["state"] == "off"


if __name__ == "__main__":
    main()
