"""What people had working before: the module and the scripts of the same names, on top of the program."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

from fakes.engines import LLAMA_SERVER
from fakes.instance import Instance, write_settings
from model_switcher.cli.main import parser
from model_switcher.engine.demo_models import write_demo_models

RESOURCES = Path(__file__).resolve().parents[2] / "resources"

OLD_PROGRAM = """
import asyncio, sys
from model_manager import switch_model, switch_and_call

async def my_own_orchestrator(system, user):
    return f"{system} {user}"

async def main(model, other):
    assert await switch_model(model)
    assert not await switch_model(model + ".gone")
    print(await switch_and_call(other, "You are", "asked", call=my_own_orchestrator))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_the_old_module_switches_and_calls(tmp_path: Path) -> None:
    models = write_demo_models(tmp_path)
    folder = tmp_path / "model-switcher"
    folder.mkdir()
    settings = write_settings(folder, models, engine=LLAMA_SERVER)
    program = tmp_path / "old_program.py"
    program.write_text(OLD_PROGRAM)
    (tmp_path / "model_manager.py").write_bytes((RESOURCES / "model_manager.py").read_bytes())
    own = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    # The user's own settings, which the old module means, are here those of the test.
    environment = {**os.environ, **own, "XDG_RUNTIME_DIR": str(tmp_path)}
    async with Instance(settings) as instance:
        await instance.ready()
        record = instance.places.instance
        default = tmp_path / "model-switcher" / "default" / "instance.json"
        default.parent.mkdir(parents=True, exist_ok=True)
        default.write_bytes(record.read_bytes())
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, program, models[1], models[0]],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout.strip()) == (0, "You are asked"), done.stderr
        state = instance.state()
        assert state.selected == "demo-birch"


def test_the_scripts_for_powershell_say_what_the_command_line_knows() -> None:
    """They could not be run: no PowerShell can be installed from Debian or PyPI."""
    switch = (RESOURCES / "model_switcher.ps1").read_text()
    assert re.search(r"\[string\] \$Model\b", switch)
    assert "@('switch', $Model)" in switch
    assert "'--now'" in switch
    assert " selftest\n" in (RESOURCES / "test_model_switcher.ps1").read_text()
    for text in (switch, (RESOURCES / "test_model_switcher.ps1").read_text()):
        assert "exit $LASTEXITCODE" in text
        assert text.count("{") == text.count("}")
    assert parser().parse_args(["--config", "c", "switch", "m", "--now"]).now
