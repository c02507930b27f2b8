"""Tries a packaged build on a virtual screen: how it reads headers, its tray, its embedded engine, a switch by a menu
click, a clean end.

PYTHONPATH=tests python tests/packaging/smoke.py dist/model-switcher/model-switcher
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

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
    settings = write_settings(folder, models)
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
            asyncio.run(smoke(program, Path(folder), panel))
    print(f"{program.name}: tray shown, model switched by a click, nothing left behind")


if __name__ == "__main__":
    main()
